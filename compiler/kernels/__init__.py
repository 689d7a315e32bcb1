"""The operations that armlet has kernels for, one family a file.

A family is a function from a fused ONNX node (`fuse.py`) to a `Kernel`: its TIR, scheduled, and its weights,
laid out as the TIR reads them. Activations are NHWC, batch 1.
"""

from collections.abc import Callable

import onnx_ir as ir

from .conv import conv
from .dense import dense
from .depthwise import depthwise
from .kernel import Kernel
from .pool import global_average_pool
from .squeeze_excite import squeeze_excite

FAMILIES: dict[str, Callable[[ir.Node], Kernel]] = {
    "Conv": conv,
    "DepthwiseConv": depthwise,
    "Dense": dense,
    "GlobalAveragePool": global_average_pool,
    "SqueezeExcite": squeeze_excite,
}

__all__ = ["FAMILIES", "Kernel"]
