"""The operations that armlet has kernels for, one family a file.

A family is a function from a fused ONNX node (`fuse.py`) and a core to a `Kernel`: its TIR, tiled for that
core, and its weights, laid out as the TIR reads them. Activations are NHWC, batch 1.
"""

from collections.abc import Callable

import onnx_ir as ir

from ...targets import Core
from .conv import conv
from .dense import dense
from .depthwise import depthwise
from .kernel import Kernel, array
from .pointwise import pointwise
from .pool import global_average_pool
from .squeeze_excite import squeeze_excite


def _conv(node: ir.Node, core: Core) -> Kernel:
    """A convolution over all channels: of single pixels, or with a window."""
    is_pointwise = array(node.inputs[1]).shape[2:] == (1, 1) and not any(node.attributes["pads"].as_ints())
    return pointwise(node, core) if is_pointwise else conv(node, core)


FAMILIES: dict[str, Callable[[ir.Node, Core], Kernel]] = {
    "Conv": _conv,
    "DepthwiseConv": depthwise,
    "Dense": dense,
    "GlobalAveragePool": global_average_pool,
    "SqueezeExcite": squeeze_excite,
}

__all__ = ["FAMILIES", "Kernel"]
