"""Decide which ONNX nodes armlet computes: each becomes a node of the domain `armlet`, nothing is fused yet.

    Conv, DepthwiseConv   x, weight, bias[, residual[, gate]] -> y[, mean]
                          strides, pads, dilations, activation, low, high
    DepthwiseConv         of x expanded: two inputs more, the expansion's weight and bias;
                          expansion_activation, expansion_low, expansion_high
    Dense                 x, weight [N, K], bias              activation, low, high
    GlobalAveragePool     x
    Scale                 x [1, C, H, W], gate [1, C, 1, 1] or as x

and those of `take_maps.py` and `take_frames.py`.

The inputs in brackets, the second output (the mean over the map of the first) and the activation come from
`fuse.py`. An output without a name, as ONNX has it, is not stored. A call of the function SqueezeExcite is
taken as what it consists of: a mean, two convolutions of one pixel, a Scale. What has no kernel family stays
an ONNX op, and `lowering.py` gives it to TVM.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import RewriteRuleSet
from onnxscript.rewriter.pattern import MatchResult, RewriteRuleClassBase

from ..frontend.shapes import shape_of
from ..passes.squeeze_excite_function import DOMAIN
from ..passes.values import constant, producer_of
from .take_frames import take_frames
from .take_maps import is_map, rules_of_maps

_PLAIN = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}


def take(model: ir.Model) -> None:
    """Take the nodes of an optimised `model` in place; its functions are gone afterwards."""
    model.functions.clear()
    rules = (_TakeConv, _TakeGemm, _TakeGlobalAveragePool, _TakeSqueezeExcite)
    RewriteRuleSet([*(rule.rule() for rule in rules), *rules_of_maps()]).apply_to_model(model)
    RewriteRuleSet([_TakeScale.rule()], commute=True).apply_to_model(model)
    take_frames(model)


class _TakeConv(RewriteRuleClassBase):
    """Take a 2-d Conv of constant weights, dense or depthwise, with explicit padding."""

    def pattern(self, op: Any, x: Any, weight: Any) -> Any:
        return op.Conv(x, weight, _allow_other_inputs=True, _allow_other_attributes=True, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, weight: ir.Value, y: ir.Value) -> MatchResult:
        result, node = MatchResult(), producer_of(y)
        if x.dtype != ir.DataType.FLOAT:
            return result.fail("not float32")
        if any(constant(value) is None for value in node.inputs[1:] if value) or len(shape_of(weight)) != 4:
            return result.fail("expected the constant weights of a 2-d convolution")
        groups = node.attributes.get_int("group", 1)
        if groups != 1 and not groups == shape_of(x)[1] == shape_of(weight)[0]:
            return result.fail("grouped, but not depthwise")
        if node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
            return result.fail("implicit padding")
        return result

    def rewrite(self, op: Any, x: ir.Value, weight: ir.Value, y: ir.Value) -> ir.Value:
        node = producer_of(y)
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        attributes = {name: node.attributes.get_ints(name, default) for name, default in _PLAIN.items()}
        op_type = "Conv" if node.attributes.get_int("group", 1) == 1 else "DepthwiseConv"
        return emit(
            op, node, op_type, [x, weight, bias or _zero_bias(op, node, shape_of(weight)[0])], attributes
        )


class _TakeGemm(RewriteRuleClassBase):
    """Take x [1, K] times a constant matrix plus a constant row."""

    def pattern(self, op: Any, x: Any, weight: Any) -> Any:
        return op.Gemm(x, weight, _allow_other_inputs=True, _allow_other_attributes=True, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, weight: ir.Value, y: ir.Value) -> MatchResult:
        result, node = MatchResult(), producer_of(y)
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        if x.dtype != ir.DataType.FLOAT:
            return result.fail("not float32")
        if constant(weight) is None or (bias is not None and constant(bias) is None):
            return result.fail("expected constant weights")
        if shape_of(x)[0] != 1 or (bias is not None and shape_of(bias) != shape_of(y)[1:]):
            return result.fail("expected one row")
        if any(node.attributes.get_float(name, 1.0) != 1.0 for name in ("alpha", "beta")):
            return result.fail("alpha or beta is not 1")
        return result.fail("transposed input") if node.attributes.get_int("transA", 0) else result

    def rewrite(self, op: Any, x: ir.Value, weight: ir.Value, y: ir.Value) -> ir.Value:
        node = producer_of(y)
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        if not node.attributes.get_int("transB", 0):
            matrix = constant(weight)
            assert matrix is not None
            weight = op.initializer(ir.tensor(np.ascontiguousarray(matrix.T)), name=f"{node.name}/transposed")
        return emit(op, node, "Dense", [x, weight, bias or _zero_bias(op, node, shape_of(y)[1])], {})


class _TakeGlobalAveragePool(RewriteRuleClassBase):
    """Take the mean over a 2-d map."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.GlobalAveragePool(x, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, y: ir.Value) -> MatchResult:
        result = MatchResult()
        return result if is_map(x) else result.fail("expected a 2-d map, float32")

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value) -> ir.Value:
        return emit(op, producer_of(y), "GlobalAveragePool", [x], {})


class _TakeScale(RewriteRuleClassBase):
    """Take the product of a map and a computed number for each of its channels, or a map of gates.

    Other products of two maps may be part of an h-swish.
    """

    def pattern(self, op: Any, x: Any, gate: Any) -> Any:
        return op.Mul(x, gate, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, gate: ir.Value, y: ir.Value) -> MatchResult:
        result, shape = MatchResult(), shape_of(x)
        gates = [[*shape[:2], 1, 1], *([shape] if _is_gate(gate) and len(shape) == 4 else [])]
        if x.dtype != ir.DataType.FLOAT or shape[2:] in ([], [1, 1]) or shape_of(gate) not in gates:
            return result.fail("not a number for each channel of a map, or a map of gates")
        if x.const_value is not None or gate.const_value is not None:
            return result.fail("expected both computed")
        return result

    def rewrite(self, op: Any, x: ir.Value, gate: ir.Value, y: ir.Value) -> ir.Value:
        return emit(op, producer_of(y), "Scale", [x, gate], {})


def _is_gate(value: ir.Value) -> bool:
    """Whether `value` is a sigmoid, resized perhaps."""
    node = value.producer()
    if node and (node.domain, node.op_type) == (DOMAIN, "Resize"):
        node = node.inputs[0].producer() if node.inputs[0] else None
    return node is not None and (node.domain, node.op_type) == (DOMAIN, "Sigmoid")


class _TakeSqueezeExcite(RewriteRuleClassBase):
    """Take squeeze-excite apart: the mean, the two layers on it, the product with the map."""

    def pattern(self, op: Any, x: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return op.SqueezeExcite(x, w1, b1, w2, b2, _domain=DOMAIN, _outputs=["y"])

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value, **weights: ir.Value) -> ir.Value:
        w1, b1, w2, b2 = weights.values()
        node = producer_of(y)

        def pixel(part: str, op_type: str, channels: int, *inputs: ir.Value, **attributes: Any) -> ir.Value:
            """A part that gives a map of one pixel."""
            value = op.op(op_type, *inputs, _domain=DOMAIN, _name=f"{node.name}/{part}", **attributes)
            value.dtype, value.shape = x.dtype, ir.Shape((1, channels, 1, 1))
            return value

        squeezed, channels = shape_of(w1)[:2]
        mean = pixel("squeeze", "GlobalAveragePool", channels, x)
        reduced = pixel("reduce", "Conv", squeezed, mean, w1, b1, **_PLAIN, activation="clip", low=0.0)
        gate = pixel(
            "expand", "Conv", channels, reduced, w2, b2, **_PLAIN, activation="clip", low=0.0, high=1.0
        )
        return emit(op, node, "Scale", [x, gate], {})


def emit(op: Any, old: ir.Node, op_type: str, inputs: Sequence[Any], attributes: dict[str, Any]) -> ir.Value:
    """A node of ours in the place of `old`, and under its name."""
    return op.op(op_type, *inputs, _domain=DOMAIN, _name=old.name, **attributes)


def _zero_bias(op: Any, node: ir.Node, size: int) -> ir.Value:
    return op.initializer(ir.tensor(np.zeros(size, np.float32)), name=f"{node.name}/bias")
