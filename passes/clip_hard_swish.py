"""Rewrite h-swish as a product with a clip, without the division that it is defined by.

Before: `HardSwish(x)`, in the standard x * max(0, min(1, x / 6 + 1/2)).
After: `x * Clip(x * 1/6 + 1/2, 0, 1)`: multiplications, an addition, a minimum, a maximum.
"""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import RewriteRuleClassBase

from .clip_hard_sigmoid import clipped_affine
from .rewriting import Pass, rewriting
from .values import ONE_SIXTH


class _ClipHardSwish(RewriteRuleClassBase):
    def pattern(self, op: Any, x: Any) -> Any:
        return op.HardSwish(x)

    def rewrite(self, op: Any, x: ir.Value) -> ir.Value:
        return op.Mul(x, clipped_affine(op, x, ONE_SIXTH, 0.5))


clip_hard_swish = Pass("clip_hard_swish", rewriting([_ClipHardSwish.rule()]), after=("recognise_hard_swish",))
