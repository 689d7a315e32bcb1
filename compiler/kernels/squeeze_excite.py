"""Squeeze-excite as one kernel: the mean over the map, two small linear layers, the gate on every channel.

The 1 / (H * W) of the mean goes into the first layer's weights; the affine half of the gate's h-sigmoid is
in the second's already (`passes`).
"""

import numpy as np
import onnx_ir as ir
from tvm import te

from .dense import matrix_panels, row_times_panels
from .kernel import Epilogue, Kernel, accumulate_in_registers, array, nhwc, panel_width, scheduled
from .pool import map_sum


def squeeze_excite(node: ir.Node) -> Kernel:
    """The kernel of `SqueezeExcite`: x, w1 [S, C, 1, 1], b1 [S], w2 [C, S, 1, 1], b2 [C]."""
    shape = nhwc(node.inputs[0])
    _, height, width, channels = shape
    w1, b1, w2, b2 = (array(value) for value in node.inputs[1:])
    reduce, expand = matrix_panels(w1[:, :, 0, 0] / np.float32(height * width)), matrix_panels(w2[:, :, 0, 0])

    x = te.placeholder(shape, name="x")
    w1_packed, w2_packed = te.placeholder(reduce.shape, name="w1"), te.placeholder(expand.shape, name="w2")
    b1_, b2_ = te.placeholder(b1.shape, name="b1"), te.placeholder(b2.shape, name="b2")
    sums = map_sum(x, (1, channels))
    squeezed = te.compute((1, channels), lambda n, c: sums[n, c], name="squeezed")
    reduced_sums = row_times_panels(squeezed, w1_packed, "reduced_sums")
    relu, gate_clip = Epilogue("clip", 0, np.inf), Epilogue("clip", 0, 1)
    reduced = te.compute((1, *b1.shape), lambda n, c: relu.apply(reduced_sums[n, c] + b1_[c]), name="reduced")
    gate_sums = row_times_panels(reduced, w2_packed, "gate_sums")
    gate = te.compute((1, channels), lambda n, c: gate_clip.apply(gate_sums[n, c] + b2_[c]), name="gate")
    out = te.compute(shape, lambda n, y, z, c: x[n, y, z, c] * gate[0, c], name="out")

    schedule = scheduled([x, w1_packed, b1_, w2_packed, b2_], out)
    stages = (
        ("sums", "squeezed", channels),
        ("reduced_sums", "reduced", b1.size),
        ("gate_sums", "gate", channels),
    )
    for sums_name, stored_name, size in stages:
        blocks = schedule.get_sblock(sums_name), schedule.get_sblock(stored_name)
        accumulate_in_registers(schedule, *blocks, panel_width(size), rows=1)
    _, lane = schedule.split(
        schedule.get_loops(schedule.get_sblock("out"))[-1], [None, panel_width(channels)]
    )
    schedule.vectorize(lane)
    return Kernel("squeeze_excite", schedule.mod["main"], [reduce, b1, expand, b2], macs=w1.size + w2.size)
