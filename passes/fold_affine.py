"""Fold what multiplies or moves the channels of a Conv or Gemm by constants into its weights and bias.

    scale * (W x + b) + shift = (scale * W) x + (scale * b + shift)

Exporters spell batch normalisation so, and biases that a framework adds by an operator of their own.

Before: `Conv -> Mul(., scale) -> Add(., shift)`. After: `Conv` with other weights. Also Sub and Div.
"""

from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase
from onnxscript.rewriter.pattern import OrValue

from .linear_layers import channels_of, refusal_to_scale, scaled_and_shifted, weight_of
from .rewriting import Pass, rewriting
from .values import constant, producer_of


class _FoldAffine(RewriteRuleClassBase):
    """For one operator, the layer being its left (0) or right (1) operand."""

    def __init__(self, operator: str, place: int) -> None:
        # Others may use the layer, which is then refused: not for every sum and product of computed values.
        super().__init__(remove_nodes=False)
        self._operator = operator
        self._place = place

    def pattern(self, op: Any, x: Any, factor: Any) -> Any:
        layers = [getattr(op, layer)(x, _allow_other_inputs=True) for layer in ("Conv", "Gemm")]
        operands = [OrValue(layers, name="y"), factor]
        return getattr(op, self._operator)(*operands[:: 1 - 2 * self._place], _outputs=["result"])

    def check(self, context: Any, y: ir.Value, factor: ir.Value, result: ir.Value, **_: Any) -> MatchResult:
        layer = producer_of(y)
        if constant(factor) is None or y.shape is None or result.shape != y.shape:
            return MatchResult().fail()
        if len(y.uses()) > 1 or y.is_graph_output():
            return MatchResult().fail(f"the output of {layer.name} is used elsewhere too")
        if refusal_to_scale(layer) or _by_channel(layer, factor) is None:
            return MatchResult().fail("its constant is not one number, or one a channel")
        if not all(np.isfinite(part).all() for part in self._affine(layer, factor)):
            return MatchResult().fail("it divides by zero")
        return MatchResult()

    def rewrite(self, op: Any, y: ir.Value, factor: ir.Value, **_: Any) -> ir.Value:
        layer = producer_of(y)
        return scaled_and_shifted(op, layer, *self._affine(layer, factor))

    def _affine(self, layer: ir.Node, factor: ir.Value) -> tuple[np.ndarray, np.ndarray]:
        """Scale and shift, float64."""
        numbers = _by_channel(layer, factor)
        assert numbers is not None
        one, zero = np.ones_like(numbers), np.zeros_like(numbers)
        match self._operator, self._place:
            case "Mul", _:
                return numbers, zero
            case "Div", _:
                with np.errstate(divide="ignore"):
                    return one / numbers, zero
            case "Sub", 0:
                return one, -numbers
            case "Sub", 1:
                return -one, numbers
        return one, numbers


def _by_channel(layer: ir.Node, factor: ir.Value) -> np.ndarray | None:
    """The constant as [C] or [1], float64; None if it differs along another axis."""
    array = constant(factor)
    assert array is not None
    if array.size == 1:
        return array.reshape(1).astype(np.float64)
    behind = weight_of(layer).ndim - 2
    shape = (1,) * (behind + 2 - array.ndim) + array.shape
    if shape != (1, channels_of(layer), *(1,) * behind):
        return None
    return array.reshape(-1).astype(np.float64)


_SPELLINGS = (("Add", 0), ("Add", 1), ("Mul", 0), ("Mul", 1), ("Sub", 0), ("Sub", 1), ("Div", 0))

fold_affine = Pass(
    "fold_affine",
    rewriting(_FoldAffine.rule(operator, place) for operator, place in _SPELLINGS),
    after=("explicit_padding", "recognise_hard_sigmoid", "recognise_hard_swish"),
    not_after=("fuse_squeeze_excite", "clip_hard_sigmoid"),
)
