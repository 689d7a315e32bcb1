"""Rewrite h-sigmoid as a clip, its affine half folded into the layer before where that has no other use.

    HardSigmoid(y) = Clip(alpha * y + beta, 0, 1)

Before: `Conv -> HardSigmoid`. After: `Conv -> Clip(0, 1)`, weights times alpha, bias times alpha plus beta.
Elsewhere: `Clip(alpha * x + beta, 0, 1)`. For MobileNetV3 alpha is 1/6 and beta 1/2; any other do.
"""

from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase
from onnxscript.rewriter.pattern import OrValue

from .linear_layers import refusal_to_scale, scaled_and_shifted
from .recognise_hard_sigmoid import hard_sigmoid_coefficients
from .rewriting import Pass, rewriting
from .values import clip, number, producer_of


class _IntoLayer(RewriteRuleClassBase):
    def pattern(self, op: Any, x: Any) -> Any:
        layers = [op.Conv(x, _allow_other_inputs=True), op.Gemm(x, _allow_other_inputs=True)]
        return op.HardSigmoid(OrValue(layers, name="y"), _outputs=["gate"])

    def check(self, context: Any, y: ir.Value, **_: Any) -> MatchResult:
        reason = refusal_to_scale(producer_of(y))
        return MatchResult().fail(reason) if reason else MatchResult()

    def rewrite(self, op: Any, y: ir.Value, gate: ir.Value, **_: Any) -> ir.Value:
        alpha, beta = hard_sigmoid_coefficients(producer_of(gate))
        scaled = scaled_and_shifted(op, producer_of(y), np.array(alpha), np.array(beta))
        return clip(op, scaled, 0.0, 1.0, like=y)


class _Alone(RewriteRuleClassBase):
    def pattern(self, op: Any, x: Any) -> Any:
        return op.HardSigmoid(x, _outputs=["gate"])

    def rewrite(self, op: Any, x: ir.Value, gate: ir.Value) -> ir.Value:
        alpha, beta = hard_sigmoid_coefficients(producer_of(gate))
        return clipped_affine(op, x, alpha, beta)


def clipped_affine(op: Any, x: ir.Value, slope: float, offset: float) -> ir.Value:
    """`Clip(slope * x + offset, 0, 1)`."""
    return clip(op, op.Add(op.Mul(x, number(op, slope, x)), number(op, offset, x)), 0.0, 1.0, like=x)


clip_hard_sigmoid = Pass(
    "clip_hard_sigmoid",
    rewriting([_IntoLayer.rule(), _Alone.rule()]),
    after=("fold_batch_norm", "recognise_hard_sigmoid", "recognise_hard_swish", "fuse_squeeze_excite"),
)
