"""Turn a MatMul with constant weights and the Add of its bias into one Gemm.

Before: `MatMul(x, W) -> Add(., b)`, x of rank 2. After: `Gemm(x, W, b)`, which the passes for linear layers
know. onnxscript's own rule for this takes any bias, also one that broadcasts to more rows than Gemm allows.
"""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase

from .rewriting import Pass, rewriting
from .values import constant


class _MergeMatMulAdd(RewriteRuleClassBase):
    def pattern(self, op: Any, x: Any, weight: Any, bias: Any) -> Any:
        return op.Add(op.MatMul(x, weight), bias)

    def check(self, context: Any, x: ir.Value, weight: ir.Value, bias: ir.Value) -> MatchResult:
        matrix, row = constant(weight), constant(bias)
        if matrix is None or row is None or x.shape is None or matrix.ndim != 2 or x.shape.rank() != 2:
            return MatchResult().fail()
        if row.shape not in ((matrix.shape[1],), (1, matrix.shape[1])):
            return MatchResult().fail(f"its bias has the shape {list(row.shape)}, not one number a channel")
        return MatchResult()

    def rewrite(self, op: Any, x: ir.Value, weight: ir.Value, bias: ir.Value) -> ir.Value:
        return op.Gemm(x, weight, bias)


merge_matmul_add = Pass(
    "merge_matmul_add",
    rewriting([_MergeMatMulAdd.rule()], commute=True),
    after=("clean_up",),
    not_after=("fold_batch_norm", "fuse_squeeze_excite", "clip_hard_sigmoid"),
)
