"""Turn a clamp of a clamp into one Clip.

Frameworks spell ReLU6 and its relatives as Min of Max, Max of Min, Min of Relu, Clip of Relu, ... Each of
these bounds x to an interval; a second bound moves the ends of the first:

    clamp(clamp(x, low1, high1), low2, high2) = clamp(x, clamp(low1, low2, high2), clamp(high1, low2, high2))

Before: `Max(x, 0) -> Min(., 6)`. After: `Clip(x, 0, 6)`.
"""

import math
from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase
from onnxscript.rewriter.pattern import OrValue

from .rewriting import Pass, rewriting
from .values import clip, clip_bounds, producer_of, scalar


class _MergeClamps(RewriteRuleClassBase):
    """For one operator as the outer clamp, and any as the inner."""

    def __init__(self, outer: str) -> None:
        super().__init__()
        self._outer = outer

    def pattern(self, op: Any, x: Any, inner_bound: Any, outer_bound: Any) -> Any:
        inner = OrValue([_clamp(op, operator, x, inner_bound, "inner") for operator in CLAMPS])
        return _clamp(op, self._outer, inner, outer_bound, "outer")

    def check(self, context: Any, x: ir.Value, outer: ir.Value, **bindings: Any) -> MatchResult:
        if _merged_interval(outer=outer, **bindings) is None:
            return MatchResult().fail()
        if x.shape is None or x.shape != outer.shape:
            return MatchResult().fail("its bounds change the shape")
        return MatchResult()

    def rewrite(self, op: Any, x: ir.Value, **bindings: Any) -> ir.Value:
        interval = _merged_interval(**bindings)
        assert interval is not None
        return clip(op, x, *interval, like=x)


CLAMPS = ("Relu", "Clip", "Min", "Max")


def _clamp(op: Any, operator: str, x: Any, bound: Any, name: str) -> Any:
    operands = [x, bound] if operator in ("Min", "Max") else [x]
    return getattr(op, operator)(*operands, _allow_other_inputs=operator == "Clip", _outputs=[name])


def _merged_interval(
    inner: ir.Value, inner_bound: ir.Value | None, outer: ir.Value, outer_bound: ir.Value | None
) -> tuple[float, float] | None:
    first, second = _interval(producer_of(inner), inner_bound), _interval(producer_of(outer), outer_bound)
    if first is None or second is None:
        return None
    low, high = (min(max(end, second[0]), second[1]) for end in first)
    return low, high


def _interval(clamp: ir.Node, bound: ir.Value | None) -> tuple[float, float] | None:
    """What `clamp` bounds its input to; None where that is computed."""
    match clamp.op_type:
        case "Relu":
            return 0.0, math.inf
        case "Clip":
            return clip_bounds(clamp)
    end = scalar(bound)
    if end is None:
        return None
    return (-math.inf, end) if clamp.op_type == "Min" else (end, math.inf)


merge_clamps = Pass(
    "merge_clamps",
    rewriting([_MergeClamps.rule(outer) for outer in CLAMPS], commute=True),
    after=("clean_up",),
    not_after=("clip_hard_sigmoid", "clip_hard_swish"),
)
