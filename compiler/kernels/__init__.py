"""The operations that armlet has kernels for, one family a file.

A family is a function from a fused ONNX node (`fuse.py`) and a core to a `Kernel`: its TIR, tiled for that
core, and its weights, laid out as the TIR reads them. Activations are NHWC, batch 1; a stem can read NCHW.
"""

from collections.abc import Callable, Iterator
from typing import Any

import onnx_ir as ir

from ...targets import Core
from .conv import candidates as conv_candidates
from .conv import conv, may_read_planes
from .dense import candidates as dense_candidates
from .dense import dense
from .depthwise import candidates as depthwise_candidates
from .depthwise import depthwise, layer_of
from .kernel import Kernel, array, nhwc, vector_of
from .pointwise import candidates as pointwise_candidates
from .pointwise import pointwise
from .pool import global_average_pool
from .resize import resize
from .scale import scale
from .sigmoid import sigmoid
from .window_pool import window_pool


def _is_pointwise(node: ir.Node) -> bool:
    return array(node.inputs[1]).shape[2:] == (1, 1) and not any(node.attributes["pads"].as_ints())


def _is_of_one_pixel(node: ir.Node) -> bool:
    return nhwc(node.inputs[0])[1:3] == (1, 1)


def _conv(node: ir.Node, core: Core, tiling: Any = None) -> Kernel:
    """A convolution over all channels: with a window, of single pixels, or of the only one."""
    if not _is_pointwise(node):
        return conv(node, core, tiling)
    return (dense if _is_of_one_pixel(node) else pointwise)(node, core, tiling)


def _conv_candidates(node: ir.Node, core: Core) -> list[Any]:
    (_, height, width, channels), depth = nhwc(node.outputs[0]), nhwc(node.inputs[0])[3]
    if not _is_pointwise(node):
        return conv_candidates(channels, vector_of(node, core), core)
    if _is_of_one_pixel(node):
        return dense_candidates(core)
    return pointwise_candidates(height * width, depth, channels, vector_of(node, core), core)


def candidates(node: ir.Node, core: Core) -> Iterator[Kernel]:
    """The kernels of `node` that are worth measuring on `core`, the default first."""
    match node.op_type:
        case "Conv":
            yield from (_conv(node, core, tiling) for tiling in _conv_candidates(node, core))
        case "DepthwiseConv":
            yield from (
                depthwise(node, core, each) for each in depthwise_candidates(layer_of(node, core), core)
            )
        case "Dense":
            yield from (dense(node, core, tiling) for tiling in dense_candidates(core))
        case _:
            yield FAMILIES[node.op_type](node, core)


def of_planes(node: ir.Node, core: Core) -> Kernel | None:
    """The kernel of `node` that reads x in NCHW, as pictures come; None if it has to be transposed first."""
    is_stem = node.op_type == "Conv" and not _is_pointwise(node) and may_read_planes(node)
    return conv(node, core, planes=True) if is_stem else None


FAMILIES: dict[str, Callable[[ir.Node, Core], Kernel]] = {
    "Conv": _conv,
    "DepthwiseConv": depthwise,
    "Dense": dense,
    "GlobalAveragePool": global_average_pool,
    "Scale": scale,
    "Resize": resize,
    "AveragePool": window_pool,
    "MaxPool": window_pool,
    "Sigmoid": sigmoid,
}

__all__ = ["FAMILIES", "Kernel", "candidates", "of_planes"]
