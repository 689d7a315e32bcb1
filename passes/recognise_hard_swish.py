"""Recognise h-swish, x * h-sigmoid(x), in the ways that exporters spell it.

    x * HardSigmoid(x)        x * Clip(x + 3, 0, 6) / 6        x * 1/6 * Clip(x + 3, 0, 6)

Before: any of these, operands in either order. After: `HardSwish(x)` (MobileNetV3, section 5.2).
HardSwish came with opset 14: in an older model it is `x * HardSigmoid(x)` that is left.
"""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase

from .recognise_hard_sigmoid import check_h_sigmoid, hard_sigmoid_coefficients
from .rewriting import Pass, rewriting
from .values import ONE_SIXTH, clip_bounds, opset_version, producer_of, scalar


class _Spelling(RewriteRuleClassBase):
    def rewrite(self, op: Any, x: ir.Value, **_: Any) -> ir.Value:
        if opset_version(x) < 14:
            return op.Mul(x, op.HardSigmoid(x, alpha=ONE_SIXTH, beta=0.5))
        return op.HardSwish(x)


class _GatedByHardSigmoid(_Spelling):
    def pattern(self, op: Any, x: Any) -> Any:
        return op.Mul(x, op.HardSigmoid(x, _outputs=["gate"]))

    def check(self, context: Any, x: ir.Value, gate: ir.Value) -> MatchResult:
        if opset_version(x) < 14:
            return MatchResult().fail()
        return check_h_sigmoid(*hard_sigmoid_coefficients(producer_of(gate)))


class _GatedByClip(_Spelling):
    """`x * Clip(x + 3, 0, 6)` with the sixth before, between or after."""

    def __init__(self, order: str, operator: str) -> None:
        super().__init__()
        self._order = order
        self._operator = operator

    def pattern(self, op: Any, x: Any, shift: Any, factor: Any) -> Any:
        clipped = op.Clip(op.Add(x, shift), _allow_other_inputs=True, _outputs=["clipped"])
        scale = getattr(op, self._operator)
        return (
            scale(op.Mul(x, clipped), factor) if self._order == "after" else op.Mul(scale(x, factor), clipped)
        )

    def check(
        self, context: Any, x: ir.Value, shift: ir.Value, factor: ir.Value, clipped: ir.Value
    ) -> MatchResult:
        offset, scale = scalar(shift), scalar(factor)
        bounds = clip_bounds(producer_of(clipped))
        if offset is None or not scale or bounds is None or context.output_values[0].shape != x.shape:
            return MatchResult().fail()
        scale = 1 / scale if self._operator == "Div" else scale
        return check_h_sigmoid(scale, offset * scale, bounds[0] * scale, bounds[1] * scale)


recognise_hard_swish = Pass(
    "recognise_hard_swish",
    rewriting(
        [
            _GatedByHardSigmoid.rule(),
            *(
                _GatedByClip.rule(order, operator)
                for order in ("before", "after")
                for operator in ("Div", "Mul")
            ),
        ],
        commute=True,
    ),
    after=("recognise_hard_sigmoid",),
    not_after=("clip_hard_sigmoid", "clip_hard_swish"),
)
