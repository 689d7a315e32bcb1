"""Decide which ONNX nodes become one kernel: the only place where operations are fused.

The fused nodes are of the domain `armlet`, one op type a kernel family:

    Conv, DepthwiseConv   x, weight, bias[, residual]   strides, pads, dilations, activation, low, high
    Dense                 x, weight [N, K], bias        activation, low, high
    GlobalAveragePool     x
    SqueezeExcite         x, w1, b1, w2, b2             (the local function, as it is)

Before: Conv -> Clip, Conv -> Add, Gemm -> x * Clip(x / 6 + 1 / 2), ...   After: one node each. What has no
kernel family stays an ONNX op, and `lowering.py` gives it to TVM.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import RewriteRuleSet
from onnxscript.rewriter.pattern import MatchResult, RewriteRuleClassBase

from ..frontend.shapes import shape_of
from ..passes.squeeze_excite_function import DOMAIN
from ..passes.values import clip_bounds, constant, is_close, producer_of, scalar

SPATIAL = ("Conv", "DepthwiseConv")
WITH_EPILOGUE = (*SPATIAL, "Dense")


def fuse(model: ir.Model) -> None:
    """Fuse the nodes of an optimised `model` in place; the function SqueezeExcite becomes a kernel."""
    model.functions.clear()
    take = [_TakeConv.rule(), _TakeGemm.rule(), _TakeGlobalAveragePool.rule()]
    extend = [
        rule.rule(op_type) for rule in (_FuseHardSwish, _FuseRelu, _FuseClip) for op_type in WITH_EPILOGUE
    ]
    extend += [_FuseResidual.rule(op_type) for op_type in SPATIAL]
    for rules in (take, extend):
        RewriteRuleSet(rules, commute=rules is extend).apply_to_model(model)


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
        attributes = {
            "strides": node.attributes.get_ints("strides", (1, 1)),
            "pads": node.attributes.get_ints("pads", (0, 0, 0, 0)),
            "dilations": node.attributes.get_ints("dilations", (1, 1)),
        }
        op_type = "Conv" if node.attributes.get_int("group", 1) == 1 else "DepthwiseConv"
        return _emit(
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
        return _emit(op, node, "Dense", [x, weight, bias or _zero_bias(op, node, shape_of(y)[1])], {})


class _TakeGlobalAveragePool(RewriteRuleClassBase):
    """Take the mean over a 2-d map."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.GlobalAveragePool(x, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, y: ir.Value) -> MatchResult:
        if x.dtype != ir.DataType.FLOAT or len(shape_of(x)) != 4:
            return MatchResult().fail("expected a 2-d map, float32")
        return MatchResult()

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value) -> ir.Value:
        return _emit(op, producer_of(y), "GlobalAveragePool", [x], {})


class _Extend(RewriteRuleClassBase):
    """Move what follows a fused node into its epilogue."""

    def __init__(self, op_type: str):
        super().__init__()
        self.op_type = op_type

    def sum(self, op: Any, x: Any) -> Any:
        """The fused node in a pattern."""
        return getattr(op, self.op_type)(
            x, _domain=DOMAIN, _allow_other_inputs=True, _allow_other_attributes=True, _outputs=["y"]
        )

    def may_extend(self, y: ir.Value) -> MatchResult:
        """Refuse what comes after an activation."""
        if "activation" in producer_of(y).attributes:
            return MatchResult().fail("has an activation")
        return MatchResult()

    def extended(self, op: Any, y: ir.Value, *residual: ir.Value, **attributes: Any) -> ir.Value:
        """The fused node with more in its epilogue."""
        node = producer_of(y)
        return _emit(op, node, self.op_type, [*node.inputs, *residual], {**node.attributes, **attributes})


class _FuseRelu(_Extend):
    """Relu is a clip from 0."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.Relu(self.sum(op, x))

    def check(self, context: Any, y: ir.Value, **_: Any) -> MatchResult:
        return self.may_extend(y)

    def rewrite(self, op: Any, y: ir.Value, **_: Any) -> ir.Value:
        return self.extended(op, y, activation="clip", low=0.0)


class _FuseClip(_Extend):
    """Clip to constants; an absent bound is none."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.Clip(self.sum(op, x), _allow_other_inputs=True, _outputs=["clipped"])

    def check(self, context: Any, y: ir.Value, clipped: ir.Value, **_: Any) -> MatchResult:
        if clip_bounds(producer_of(clipped)) is None:
            return MatchResult().fail("bounds are not constant")
        return self.may_extend(y)

    def rewrite(self, op: Any, y: ir.Value, clipped: ir.Value, **_: Any) -> ir.Value:
        bounds = clip_bounds(producer_of(clipped))
        assert bounds is not None
        return self.extended(op, y, activation="clip", low=bounds[0], high=bounds[1])


class _FuseHardSwish(_Extend):
    """h-swish, in the form that the passes leave it in: y * Clip(y * 1/6 + 1/2, 0, 1)."""

    def pattern(self, op: Any, x: Any, sixth: Any, half: Any, zero: Any, one: Any) -> Any:
        y = self.sum(op, x)
        return y * op.Clip(y * sixth + half, zero, one)

    def check(
        self,
        context: Any,
        y: ir.Value,
        sixth: ir.Value,
        half: ir.Value,
        zero: ir.Value,
        one: ir.Value,
        **_: Any,
    ) -> MatchResult:
        for value, expected in ((sixth, 1 / 6), (half, 0.5), (zero, 0), (one, 1)):
            number = scalar(value)
            if number is None or not is_close(number, expected):
                return MatchResult().fail("not h-swish")
        if shape_of(context.output_values[0]) != shape_of(y):
            return MatchResult().fail("its constants add axes")
        return self.may_extend(y)

    def rewrite(self, op: Any, y: ir.Value, **_: Any) -> ir.Value:
        return self.extended(op, y, activation="hard_swish")


class _FuseResidual(_Extend):
    """Addition of a value of the same shape, before any activation."""

    def pattern(self, op: Any, x: Any, residual: Any) -> Any:
        return self.sum(op, x) + residual

    def check(self, context: Any, y: ir.Value, residual: ir.Value, **_: Any) -> MatchResult:
        if shape_of(residual) != shape_of(y) or len(producer_of(y).inputs) > 3:
            return MatchResult().fail("not a residual addition")
        return self.may_extend(y)

    def rewrite(self, op: Any, y: ir.Value, residual: ir.Value, **_: Any) -> ir.Value:
        return self.extended(op, y, residual)


def _emit(op: Any, old: ir.Node, op_type: str, inputs: Sequence[Any], attributes: dict[str, Any]) -> ir.Value:
    """A node of ours in the place of `old`, and under its name."""
    return op.op(op_type, *inputs, _domain=DOMAIN, _name=old.name, **attributes)


def _zero_bias(op: Any, node: ir.Node, size: int) -> ir.Value:
    return op.initializer(ir.tensor(np.zeros(size, np.float32)), name=f"{node.name}/bias")
