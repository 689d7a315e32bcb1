"""Nodes that armlet has no kernel for: what TVM's own importer makes of each of them alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
import tvm
from tvm import IRModule, relax, tirx
from tvm.ir.expr import GenericConst
from tvm.relax.frontend.onnx import from_onnx

from ..errors import InvalidModelError, first_line
from ..frontend.shapes import shape_of
from .c_interface import fingerprint
from .layout import Layout, array_in, shape_in
from .program import Call, Tensor

# ONNX ops that compute each element by itself: any layout will do.
ELEMENTWISE = frozenset(
    {"Abs", "Add", "Clip", "Div", "Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Max"}
    | {"Min", "Mul", "Neg", "Pow", "Reciprocal", "Relu", "Sigmoid", "Softplus", "Sqrt", "Sub", "Sum", "Tanh"}
)

# What TVM's function for a node, that of the call of this number, becomes.
Schedule = Callable[[ir.Node, int, tirx.PrimFunc], tirx.PrimFunc]

_CALL_TIR = tvm.ir.Op.get("relax.call_tir")

# What TVM raises for an operation that it cannot import or compile.
TVM_ERRORS = (
    *(RuntimeError, ValueError, TypeError, NotImplementedError),
    *(KeyError, IndexError, AttributeError, AssertionError),
)


@dataclass(frozen=True)
class Fallback:
    """A node and what TVM made of it alone: `main` of `module`, from `inputs`, maps in `layout`."""

    node: ir.Node
    inputs: tuple[ir.Value, ...]
    layout: Layout
    module: IRModule

    def __str__(self) -> str:
        return f"{self.node.name} ({self.node.op_type})"

    def lower(self, arguments: Sequence[Tensor | np.ndarray], schedule: Schedule) -> "LoweredFallback":
        """Calls of TVM's functions, each as `schedule` makes it.

        Raises InvalidModelError if the node needs more of TVM than those.
        """
        try:
            return _Lowering(self, arguments, schedule).run()
        except TVM_ERRORS as error:
            raise cannot_compile(self.node, error) from error


@dataclass(frozen=True)
class LoweredFallback:
    """The calls that compute a node, the functions called, and its outputs."""

    calls: list[Call]
    functions: dict[str, tirx.PrimFunc]
    outputs: list[Tensor | np.ndarray]


def import_alone(graph: ir.Graph, node: ir.Node, ir_version: int) -> Fallback:
    """Give `node` of `graph` to TVM; raises InvalidModelError naming it if TVM cannot import it."""
    layout: Layout = "nhwc" if _any_layout(node) else "nchw"
    inputs = tuple(value for value in dict.fromkeys(node.inputs) if value and value.const_value is None)
    try:
        alone = ir.convenience.extract(graph, inputs, node.outputs)
        if layout == "nhwc":
            for value in [*alone.inputs, *alone.outputs, *alone.initializers.values()]:
                _make_nhwc(value)
        module = from_onnx(ir.to_proto(ir.Model(alone, ir_version=ir_version)))
    except TVM_ERRORS as error:
        raise cannot_compile(node, error) from error
    return Fallback(node, inputs, layout, module)


def cannot_compile(node: ir.Node, error: Exception) -> InvalidModelError:
    """The error for a `node` that TVM failed on with `error`."""
    reason = first_line(error)
    return InvalidModelError(
        f"cannot compile node {node.name!r}: neither armlet nor TVM supports {node.domain or 'ONNX'}'s "
        f"{node.op_type} here ({reason})"
    )


class _Lowering:
    """From one node in Relax to calls."""

    def __init__(self, fallback: Fallback, arguments: Sequence[Tensor | np.ndarray], schedule: Schedule):
        passes = (relax.transform.InlinePrivateFunctions(), relax.transform.LegalizeOps())
        self.module = tvm.ir.transform.Sequential(passes)(fallback.module)
        self.node = fallback.node
        self.schedule = schedule
        self.calls: list[Call] = []
        self.functions: dict[str, tirx.PrimFunc] = {}
        main = self.module["main"]
        self.body = main.body
        self.known = dict(zip(main.params, ([argument] for argument in arguments), strict=True))

    def run(self) -> LoweredFallback:
        for block in self.body.blocks:
            for binding in block.bindings:
                self.known[binding.var] = self._value(binding.value)
        outputs = self._value(self.body.body)
        return LoweredFallback(self.calls, self.functions, outputs)

    def _value(self, expression: relax.Expr) -> list[Tensor | np.ndarray]:
        """What an expression is: one tensor, or those of a tuple."""
        match expression:
            case relax.Var():
                return self.known[expression]
            case GenericConst():
                return [expression.value.numpy()]
            case relax.Tuple():
                return [part for field in expression.fields for part in self._value(field)]
            case relax.TupleGetItem():
                return [self._value(expression.tuple_value)[expression.index]]
            case relax.Call() if expression.op == _CALL_TIR:
                return self._call(expression)
        raise ValueError(f"it needs TVM's runtime for {getattr(expression, 'op', expression)}")

    def _call(self, call: relax.Call) -> list[Tensor | np.ndarray]:
        function = self.schedule(self.node, len(self.calls), self.module[call.args[0]])
        (type_,) = call.ty_args
        name = f"tvm_{fingerprint(function)}"
        self.functions[name] = function
        types = type_.fields if isinstance(type_, relax.TupleType) else [type_]
        outputs = [
            Tensor(tuple(int(size) for size in each.shape.values), np.dtype(str(each.dtype)))
            for each in types
        ]
        self.calls.append(Call(name, self.node.name or "", self._value(call.args[1]), outputs))
        return list(outputs)


def _any_layout(node: ir.Node) -> bool:
    """Whether `node` may compute on NHWC maps: element by element, on maps and scalars only."""
    inputs = [value for value in node.inputs if value]
    maps = [value for value in inputs if len(shape_of(value)) == 4]
    scalars = [value for value in inputs if len(shape_of(value)) < 4 and set(shape_of(value)) <= {1}]
    return node.op_type in ELEMENTWISE and bool(maps) and {*maps, *scalars} == {*inputs}


def _make_nhwc(value: ir.Value) -> None:
    shape = shape_of(value)
    if len(shape) != 4:
        return
    if value.const_value is not None:
        value.const_value = ir.tensor(array_in("nhwc", value.const_value.numpy()))
    value.shape = ir.Shape(shape_in("nhwc", shape))
