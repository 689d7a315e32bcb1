"""The operations that armlet has kernels for, one family a file.

A family is a function from a fused ONNX node (`fuse.py`) and a core to a `Kernel`: its TIR, tiled for that
core, and its weights, laid out as the TIR reads them. Activations are NHWC, batch 1; a stem can read NCHW.
"""

from collections.abc import Callable

import onnx_ir as ir

from ...targets import Core
from .conv import conv, may_read_planes
from .dense import dense
from .depthwise import depthwise
from .kernel import Kernel, array, nhwc
from .pointwise import pointwise
from .pool import global_average_pool
from .resize import resize
from .scale import scale
from .sigmoid import sigmoid
from .window_pool import window_pool


def _is_pointwise(node: ir.Node) -> bool:
    return array(node.inputs[1]).shape[2:] == (1, 1) and not any(node.attributes["pads"].as_ints())


def _conv(node: ir.Node, core: Core) -> Kernel:
    """A convolution over all channels: with a window, of single pixels, or of the only one."""
    if not _is_pointwise(node):
        return conv(node, core)
    _, height, width, _ = nhwc(node.inputs[0])
    return dense(node, core) if height == width == 1 else pointwise(node, core)


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

__all__ = ["FAMILIES", "Kernel", "of_planes"]
