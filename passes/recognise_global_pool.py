"""Recognise the mean over a whole map, which most exporters spell as ReduceMean.

Before: `ReduceMean(x, axes=[2, 3])`, its axes kept or not. After: `GlobalAveragePool(x)`, and a Reshape of
its pixel where the axes went.
"""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase

from ..frontend.shapes import shape_of
from .merge_reshapes import reshaped
from .rewriting import Pass, rewriting
from .values import producer_of, reduced_axes


class _RecogniseGlobalPool(RewriteRuleClassBase):
    def pattern(self, op: Any, x: Any) -> Any:
        return op.ReduceMean(x, _allow_other_inputs=True, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, y: ir.Value) -> MatchResult:
        is_map = x.dtype == ir.DataType.FLOAT and x.shape is not None and x.shape.rank() == 4
        return MatchResult() if is_map and reduced_axes(producer_of(y)) == [2, 3] else MatchResult().fail()

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value) -> ir.Value:
        pooled = op.GlobalAveragePool(x)
        if producer_of(y).attributes.get_int("keepdims", 1):
            return pooled
        pooled.dtype, pooled.shape = x.dtype, ir.Shape([*shape_of(y), 1, 1])
        return reshaped(op, pooled, y)


recognise_global_pool = Pass(
    "recognise_global_pool",
    rewriting([_RecogniseGlobalPool.rule()]),
    after=("sink_transposes",),
    not_after=("fuse_squeeze_excite",),
)
