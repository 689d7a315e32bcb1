"""Recognise h-sigmoid, min(max(x + 3, 0), 6) / 6, in the ways that exporters spell it.

    Clip(x + 3, 0, 6) / 6            Clip(x + 3, 0, 6) * 1/6
    Clip(x * 1/6 + 1/2, 0, 1)        Clip(x / 6 + 1/2, 0, 1)        HardSigmoid(alpha=0.16666667, beta=0.5)

Before: any of these, its Clip perhaps made by `merge_clamps`, operands in either order.
After: `HardSigmoid(x)` with alpha 1/6 and beta 1/2 (MobileNetV3, section 5.2).

All are `Clip(slope * x + offset, low, high)` with slope 1/6, offset 1/2, low 0, high 1; one with other
numbers, such as Keras' slope 0.2 or a slope of 0.16667, is another function and is refused.
"""

from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase
from onnxscript.rewriter.pattern import OrValue

from .rewriting import Pass, rewriting
from .values import ONE_SIXTH, clip_bounds, is_close, producer_of, scalar


def check_h_sigmoid(slope: float, offset: float, low: float = 0.0, high: float = 1.0) -> MatchResult:
    """Success if `Clip(slope * x + offset, low, high)` is h-sigmoid."""
    expected = {"slope": (slope, ONE_SIXTH), "offset": (offset, 0.5), "low": (low, 0.0), "high": (high, 1.0)}
    for role, (found, wanted) in expected.items():
        if not is_close(found, wanted):
            return MatchResult().fail(f"it is no h-sigmoid: its {role} is {found:.7g}, not {wanted:.7g}")
    return MatchResult()


class _Spelling(RewriteRuleClassBase):
    def rewrite(self, op: Any, x: ir.Value, **_: Any) -> ir.Value:
        return op.HardSigmoid(x, alpha=ONE_SIXTH, beta=0.5)


class _ScaledClip(_Spelling):
    """`Clip(x + shift, low, high)`, then multiplied or divided by a constant."""

    def __init__(self, operator: str) -> None:
        super().__init__()
        self._operator = operator

    def pattern(self, op: Any, x: Any, shift: Any, factor: Any) -> Any:
        clipped = op.Clip(op.Add(x, shift), _allow_other_inputs=True, _outputs=["clipped"])
        return getattr(op, self._operator)(clipped, factor)

    def check(
        self, context: Any, x: ir.Value, shift: ir.Value, factor: ir.Value, clipped: ir.Value
    ) -> MatchResult:
        offset, scale = scalar(shift), scalar(factor)
        if offset is None or not scale or _reshaped(context, x):
            return MatchResult().fail()
        bounds = clip_bounds(producer_of(clipped))
        if bounds is None:
            return MatchResult().fail("the bounds of its Clip are not constants")
        scale = 1 / scale if self._operator == "Div" else scale
        return check_h_sigmoid(scale, offset * scale, bounds[0] * scale, bounds[1] * scale)


class _ClippedAffine(_Spelling):
    """`Clip(x * slope + offset, low, high)`, the slope perhaps a division."""

    def pattern(self, op: Any, x: Any, slope: Any, offset: Any) -> Any:
        scaled = OrValue([op.Mul(x, slope), op.Div(x, slope)], name="scaled")
        return op.Clip(op.Add(scaled, offset), _allow_other_inputs=True, _outputs=["clipped"])

    def check(
        self,
        context: Any,
        x: ir.Value,
        slope: ir.Value,
        offset: ir.Value,
        scaled: ir.Value,
        clipped: ir.Value,
    ) -> MatchResult:
        factor, shift = scalar(slope), scalar(offset)
        bounds = clip_bounds(producer_of(clipped))
        if not factor or shift is None or bounds != (0.0, 1.0) or _reshaped(context, x):
            return MatchResult().fail()
        divided = producer_of(scaled).op_type == "Div"
        return check_h_sigmoid(1 / factor if divided else factor, shift)


class _NearlyExact(_Spelling):
    """`HardSigmoid` whose alpha and beta are 1/6 and 1/2 to rounding, but not to the last bit."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.HardSigmoid(x, _outputs=["gate"])

    def check(self, context: Any, gate: ir.Value, **_: Any) -> MatchResult:
        alpha, beta = hard_sigmoid_coefficients(producer_of(gate))
        if np.float32(alpha) == np.float32(ONE_SIXTH) and beta == 0.5:
            return MatchResult().fail()
        return check_h_sigmoid(alpha, beta)


def hard_sigmoid_coefficients(node: ir.Node) -> tuple[float, float]:
    """Alpha and beta of a HardSigmoid; ONNX's defaults are 0.2 and 0.5."""
    return node.attributes.get_float("alpha", 0.2), node.attributes.get_float("beta", 0.5)


def _reshaped(context: Any, x: ir.Value) -> bool:
    """Whether the constants, by their rank, make the output another shape than `x`."""
    return x.shape is None or context.output_values[0].shape != x.shape


recognise_hard_sigmoid = Pass(
    "recognise_hard_sigmoid",
    rewriting(
        [_ScaledClip.rule("Div"), _ScaledClip.rule("Mul"), _ClippedAffine.rule(), _NearlyExact.rule()],
        commute=True,
    ),
    after=("clean_up", "merge_clamps"),
    not_after=("clip_hard_sigmoid", "clip_hard_swish"),
)
