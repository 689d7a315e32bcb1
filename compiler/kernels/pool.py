"""The mean over a map, channels in vectors."""

import onnx_ir as ir
from tvm import te

from .kernel import Kernel, accumulate_in_registers, nhwc, panel_width, scheduled


def global_average_pool(node: ir.Node) -> Kernel:
    """The kernel of `GlobalAveragePool`: [1, H, W, C] to [1, 1, 1, C]."""
    _, height, width, channels = nhwc(node.inputs[0])
    x = te.placeholder((1, height, width, channels), name="x")
    sums = map_sum(x, (1, 1, 1, channels))
    out = te.compute((1, 1, 1, channels), lambda *at: sums(*at) * (1.0 / (height * width)), name="out")

    schedule = scheduled([x], out)
    accumulate_in_registers(
        schedule, schedule.get_sblock("sums"), schedule.get_sblock("out"), panel_width(channels), rows=1
    )
    return Kernel("global_average_pool", schedule.mod["main"], [], macs=0)


def map_sum(x: te.Tensor, shape: tuple[int, ...]) -> te.Tensor:
    """The sum of [1, H, W, C] over the map, as `shape`, whose last axis is C."""
    _, height, width, _ = (int(size) for size in x.shape)
    i, j = te.reduce_axis((0, height), name="i"), te.reduce_axis((0, width), name="j")
    return te.compute(shape, lambda *at: te.sum(x[0, i, j, at[-1]], axis=[i, j]), name="sums")
