"""An optimised model as it is lowered: fused, and stored in a precision."""

import onnx_ir as ir

from ..passes import Optimized
from .fuse import fuse
from .precision import Precision, halve


def prepare(optimized: Optimized, precision: Precision) -> tuple[ir.Model, dict[str, str]]:
    """The fused model, a copy; and the layers that stay in single precision though half was asked for."""
    fused = optimized.model.clone()
    fuse(fused)
    return fused, halve(fused, optimized.model, optimized.references[0]) if precision == "fp16" else {}
