"""Move transpositions behind what computes each element by itself, until they meet and vanish.

Exporters of networks in NHWC put one before and one behind each ONNX operator that is NCHW. With
T(x) = Transpose(x, p):

    f(T(x)) = T(f(x))            f of each element, also with constants, their axes moved
    f(T(x), T(z)) = T(f(x, z))   likewise Pad and ReduceMean, their axes renamed
    T(S(x)) = U(x)               U of both orders; nothing where they cancel out
    Reshape(T(x)) = Reshape(x)   where T only moves axes of size 1, and T(Reshape(x)) = Reshape(x) there

Before: `Conv -> Transpose -> Relu -> Transpose -> Conv`. After: `Conv -> Relu -> Conv`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import IdentityEliminationPass
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase

from ..frontend.shapes import shape_of
from .merge_reshapes import RESHAPING, reshaped
from .rewriting import Changes, Pass, Site, rewriting
from .values import constant, opset_version, producer_of, reduced_axes

_OF_ONE = (
    *("Abs", "Clip", "Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Neg", "Reciprocal"),
    *("Relu", "Sigmoid", "Softplus", "Sqrt", "Tanh"),
)
_OF_TWO = ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub")


class _Sink(RewriteRuleClassBase):
    """An operator behind a Transpose `t` of `x`; others may read `t` too, which then stays for them."""

    def __init__(self, operator: str) -> None:
        super().__init__(remove_nodes=False)
        self._operator = operator


class _BehindOne(_Sink):
    """Its first input alone is transposed."""

    def pattern(self, op: Any, x: Any) -> Any:
        t = op.Transpose(x, _outputs=["t"])
        return getattr(op, self._operator)(t, _allow_other_inputs=True, _outputs=["y"])


class _SinkBelowOne(_BehindOne):
    def check(self, context: Any, y: ir.Value, **_: Any) -> MatchResult:
        # The bounds of a Clip are scalars, if anything.
        bounds = [value for value in producer_of(y).inputs[1:] if value is not None]
        are_scalars = all(value.shape is not None and value.shape.rank() == 0 for value in bounds)
        return MatchResult() if are_scalars else MatchResult().fail()

    def rewrite(self, op: Any, x: ir.Value, t: ir.Value, y: ir.Value) -> ir.Value:
        return _like(op, y, [x, *producer_of(y).inputs[1:]], _perm(t))


class _SinkBelowTwo(_Sink):
    def pattern(self, op: Any, x: Any, z: Any) -> Any:
        left, right = op.Transpose(x, _outputs=["t"]), op.Transpose(z, _outputs=["u"])
        return getattr(op, self._operator)(left, right, _outputs=["y"])

    def check(self, context: Any, t: ir.Value, u: ir.Value, **_: Any) -> MatchResult:
        return MatchResult() if _perm(t) == _perm(u) else MatchResult().fail()

    def rewrite(self, op: Any, x: ir.Value, z: ir.Value, t: ir.Value, y: ir.Value, **_: Any) -> ir.Value:
        return _like(op, y, [x, z], _perm(t))


class _SinkBelowConstant(_Sink):
    """The other operand is a constant, or a computed one whose axes are cheap to move: all but one are 1."""

    def __init__(self, operator: str, place: int) -> None:
        super().__init__(operator)
        self._place = place

    def pattern(self, op: Any, x: Any, other: Any) -> Any:
        operands = [op.Transpose(x, _outputs=["t"]), other]
        return getattr(op, self._operator)(*operands[:: 1 - 2 * self._place], _outputs=["y"])

    def check(self, context: Any, t: ir.Value, other: ir.Value, y: ir.Value, **_: Any) -> MatchResult:
        if other.shape is None or not other.shape.is_static() or t.shape != y.shape:
            return MatchResult().fail()
        shape = shape_of(other)
        is_row = len(shape) == len(shape_of(t)) and sum(size != 1 for size in shape) <= 1
        known = constant(other) is not None
        return MatchResult() if known or is_row else MatchResult().fail()

    def rewrite(self, op: Any, x: ir.Value, other: ir.Value, t: ir.Value, y: ir.Value) -> ir.Value:
        perm, array = _perm(t), constant(other)
        if array is None:
            moved = _transposed(op, other, _inverse(perm))
        elif array.ndim == 0:
            moved = other
        else:
            array = array.reshape((1,) * (len(perm) - array.ndim) + array.shape)
            moved = op.initializer(
                ir.tensor(np.ascontiguousarray(array.transpose(_inverse(perm)))), name=other.name
            )
        return _like(op, y, [x, moved][:: 1 - 2 * self._place], perm)


class _SinkBelowPad(_BehindOne):
    def check(self, context: Any, y: ir.Value, **_: Any) -> MatchResult:
        pads, _value, *axes = (*producer_of(y).inputs[1:], None)[:3]
        known = constant(pads) is not None and not any(axes)
        return MatchResult() if known else MatchResult().fail("its padding is not constant")

    def rewrite(self, op: Any, x: ir.Value, t: ir.Value, y: ir.Value) -> ir.Value:
        _, pads, *rest = producer_of(y).inputs
        amounts, perm = constant(pads), _perm(t)
        assert amounts is not None
        moved = op.initializer(
            ir.tensor(amounts.reshape(2, -1)[:, _inverse(perm)].reshape(-1)), name=f"{y.name}/pads"
        )
        return _like(op, y, [x, moved, *rest], perm)


class _SinkBelowMean(_BehindOne):
    def check(self, context: Any, y: ir.Value, **_: Any) -> MatchResult:
        return MatchResult() if reduced_axes(producer_of(y)) is not None else MatchResult().fail()

    def rewrite(self, op: Any, x: ir.Value, t: ir.Value, y: ir.Value) -> ir.Value:
        node, perm = producer_of(y), _perm(t)
        axes = sorted(perm[axis] for axis in reduced_axes(node) or ())
        keep = node.attributes.get_int("keepdims", 1)
        left = perm if keep else [axis for axis in perm if axis not in axes]
        order = [sorted(left).index(axis) for axis in left]
        if opset_version(x) < 18:
            reduced = op.op("ReduceMean", x, axes=axes, keepdims=keep)
        else:
            given = op.initializer(ir.tensor(np.array(axes)), name=f"{node.name}/axes")
            reduced = op.op("ReduceMean", x, given, keepdims=keep)
        return _moved(op, reduced, y, order)


class _Meet(_BehindOne):
    """A Transpose of a Transpose."""

    def rewrite(self, op: Any, x: ir.Value, t: ir.Value, y: ir.Value) -> ir.Value:
        first, second = _perm(t), _perm(y)
        both = [first[axis] for axis in second]
        return op.Identity(x) if both == sorted(both) else op.Transpose(x, perm=both)


class _MeetReshape(_BehindOne):
    """A Reshape, Flatten or Squeeze of a Transpose that only moves axes of size 1."""

    def check(self, context: Any, x: ir.Value, t: ir.Value, **_: Any) -> MatchResult:
        return MatchResult() if _only_moves_ones(x, _perm(t)) else MatchResult().fail()

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value, **_: Any) -> ir.Value:
        return reshaped(op, x, y)


class _ReshapeMeets(RewriteRuleClassBase):
    """The other order."""

    def __init__(self) -> None:
        super().__init__(remove_nodes=False)

    def pattern(self, op: Any, x: Any) -> Any:
        reshaped = op.Reshape(x, _allow_other_inputs=True, _outputs=["reshaped"])
        return op.Transpose(reshaped, _outputs=["y"])

    def check(self, context: Any, reshaped: ir.Value, y: ir.Value, **_: Any) -> MatchResult:
        return MatchResult() if _only_moves_ones(reshaped, _perm(y)) else MatchResult().fail()

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value, **_: Any) -> ir.Value:
        return reshaped(op, x, y)


def _perm(transposed: ir.Value) -> list[int]:
    node = producer_of(transposed)
    return list(node.attributes.get_ints("perm") or range(len(shape_of(transposed)))[::-1])


def _inverse(perm: Sequence[int]) -> list[int]:
    return [perm.index(axis) for axis in range(len(perm))]


def _only_moves_ones(x: ir.Value, perm: Sequence[int]) -> bool:
    if x.shape is None or not x.shape.is_static():
        return False
    shape = shape_of(x)
    moved = [axis for axis in perm if shape[axis] != 1]
    return moved == sorted(moved)


def _transposed(op: Any, x: ir.Value, perm: Sequence[int]) -> ir.Value:
    value: ir.Value = op.Transpose(x, perm=perm)
    value.type, value.shape = x.type, ir.Shape([shape_of(x)[axis] for axis in perm])
    return value


def _like(op: Any, y: ir.Value, inputs: Sequence[ir.Value | None], perm: Sequence[int]) -> ir.Value:
    """What computes `y`, of the `inputs` that are not transposed; then transposed."""
    node = producer_of(y)
    return _moved(op, op.op(node.op_type, *inputs, **node.attributes), y, perm)


def _moved(op: Any, value: ir.Value, y: ir.Value, perm: Sequence[int]) -> ir.Value:
    """`y` from `value`, which has its axes in another order."""
    if list(perm) == sorted(perm):
        return value
    shape = shape_of(y)
    value.type, value.shape = y.type, ir.Shape([shape[axis] for axis in _inverse(perm)])
    return op.Transpose(value, perm=list(perm))


_sink = rewriting(
    [
        _Meet.rule("Transpose"),
        _ReshapeMeets.rule(),
        *(_MeetReshape.rule(operator) for operator in RESHAPING),
        *(_SinkBelowOne.rule(operator) for operator in _OF_ONE),
        *(_SinkBelowTwo.rule(operator) for operator in _OF_TWO),
        *(_SinkBelowConstant.rule(operator, place) for operator in _OF_TWO for place in (0, 1)),
        _SinkBelowPad.rule("Pad"),
        _SinkBelowMean.rule("ReduceMean"),
    ]
)


def _run(model: ir.Model) -> Changes:
    sites: list[Site] = []
    while (changes := _sink(model)).rewritten:
        sites += changes.sites
        IdentityEliminationPass()(model)
    return Changes(len(sites), changes.refused, tuple(sites))


sink_transposes = Pass("sink_transposes", _run, after=("clean_up",), not_after=("fold_batch_norm",))
