"""An optimised model as it is lowered: fused, and stored in a precision."""

import onnx_ir as ir

from ..passes import Optimized
from ..targets import Core
from .fuse import fuse
from .precision import Precision, halve


def prepare(optimized: Optimized, precision: Precision, core: Core) -> tuple[ir.Model, dict[str, str]]:
    """The model fused for `core`, a copy; and what stays in single precision though half was asked for."""
    fused = optimized.model.clone()
    fuse(fused, core)
    return fused, halve(fused, optimized.model, optimized.references[0]) if precision == "fp16" else {}
