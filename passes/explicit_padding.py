"""Write the padding of each Conv into its `pads`.

Before: `Conv<auto_pad=SAME_UPPER>`, or `Pad -> Conv` with zeros. After: `Conv<pads=...>`.
SAME pads what gives ceil(size / stride), the odd pixel at the end (SAME_UPPER) or in front (SAME_LOWER).
A Pad is taken in by onnxscript's own rule.
"""

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase
from onnxscript.rewriter.rules.common import fuse_pad_into_conv_rule

from ..frontend.shapes import shape_of
from .rewriting import Pass, rewriting
from .values import producer_of


class _SameToPads(RewriteRuleClassBase):
    def pattern(self, op: Any, x: Any, weight: Any) -> Any:
        return op.Conv(x, weight, _allow_other_inputs=True, _outputs=["y"])

    def check(self, context: Any, y: ir.Value, **_: Any) -> MatchResult:
        attributes = producer_of(y).attributes
        implicit = attributes.get_string("auto_pad", "NOTSET") != "NOTSET"
        # ONNX Runtime takes none that is dilated as well.
        dilated = any(dilation != 1 for dilation in attributes.get_ints("dilations", ()))
        return MatchResult() if implicit and not dilated else MatchResult().fail()

    def rewrite(self, op: Any, x: ir.Value, weight: ir.Value, y: ir.Value) -> ir.Value:
        node = producer_of(y)
        others = {name: value for name, value in node.attributes.items() if name not in ("auto_pad", "pads")}
        pads = _pads(node, shape_of(x)[2:], shape_of(weight)[2:], shape_of(y)[2:])
        return op.Conv(*node.inputs, **others, pads=pads)


def _pads(node: ir.Node, size: Sequence[int], taps: Sequence[int], result: Sequence[int]) -> list[int]:
    """The pads in front of each axis, then behind each."""
    mode = node.attributes.get_string("auto_pad")
    if mode == "VALID":
        return [0] * 2 * len(size)
    strides = node.attributes.get_ints("strides", [1] * len(size))
    axes = zip(size, taps, result, strides, strict=True)
    total = [max(0, (made - 1) * stride + tap - given) for given, tap, made, stride in axes]
    smaller = [amount // 2 for amount in total]
    larger = [amount - half for amount, half in zip(total, smaller, strict=True)]
    return smaller + larger if mode == "SAME_UPPER" else larger + smaller


explicit_padding = Pass(
    "explicit_padding",
    rewriting([_SameToPads.rule(), fuse_pad_into_conv_rule]),
    after=("clean_up", "sink_transposes"),
    not_after=("fold_batch_norm",),
)
