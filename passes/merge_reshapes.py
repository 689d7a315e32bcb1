"""Make one Reshape of several, and none where the shape is the same in the end.

Before: `Flatten -> Unsqueeze -> Unsqueeze`, or `Reshape` to the shape that its input has.
After: one `Reshape`, or nothing.
"""

from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import IdentityEliminationPass
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase
from onnxscript.rewriter.pattern import OrValue

from ..frontend.shapes import shape_of
from .rewriting import Changes, Pass, rewriting

RESHAPING = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")


class _MergeReshapes(RewriteRuleClassBase):
    """Others may read the first, which then stays for them."""

    def __init__(self, operator: str) -> None:
        super().__init__(remove_nodes=False)
        self._operator = operator

    def pattern(self, op: Any, x: Any) -> Any:
        firsts = [getattr(op, operator)(x, _allow_other_inputs=True) for operator in RESHAPING]
        return getattr(op, self._operator)(OrValue(firsts), _allow_other_inputs=True, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, y: ir.Value) -> MatchResult:
        known = all(value.shape is not None and value.shape.is_static() for value in (x, y))
        return MatchResult() if known else MatchResult().fail()

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value) -> ir.Value:
        return op.Identity(x) if x.shape == y.shape else reshaped(op, x, y)


class _DropReshape(RewriteRuleClassBase):
    def __init__(self, operator: str) -> None:
        super().__init__()
        self._operator = operator

    def pattern(self, op: Any, x: Any) -> Any:
        return getattr(op, self._operator)(x, _allow_other_inputs=True, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, y: ir.Value) -> MatchResult:
        same = x.shape is not None and x.shape.is_static() and x.shape == y.shape
        return MatchResult() if same else MatchResult().fail()

    def rewrite(self, op: Any, x: ir.Value, **_: Any) -> ir.Value:
        return op.Identity(x)


def reshaped(op: Any, x: ir.Value, y: ir.Value) -> ir.Value:
    """`x` in the shape of `y`."""
    return op.Reshape(x, op.initializer(ir.tensor(np.array(shape_of(y))), name=f"{y.name}/shape"))


_merge = rewriting(rule.rule(operator) for rule in (_MergeReshapes, _DropReshape) for operator in RESHAPING)


def _run(model: ir.Model) -> Changes:
    changes = _merge(model)
    IdentityEliminationPass()(model)
    return changes


merge_reshapes = Pass("merge_reshapes", _run, after=("sink_transposes",), not_after=("fuse_squeeze_excite",))
