"""An optimised model as it is lowered: fused, and stored in a precision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from ..passes import Optimized
from ..targets import Core
from .fuse import fuse
from .precision import Precision, halve


@dataclass(frozen=True)
class Prepared:
    """A fused `model`, and what became of its layers.

    `computed` has what each node computes where that is more than one, as `fuse` returns it, `kept_fp32` the
    layers that stay in single precision though half was asked for, with the reasons.
    """

    model: ir.Model
    computed: Mapping[str, Sequence[str]]
    kept_fp32: Mapping[str, str]


def prepare(optimized: Optimized, precision: Precision, core: Core) -> Prepared:
    """A copy of the optimised model, fused for `core`, in `precision`."""
    fused = optimized.model.clone()
    computed = fuse(fused, core)
    kept = halve(fused, optimized.model, optimized.references[0]) if precision == "fp16" else {}
    return Prepared(fused, computed, kept)
