"""Nodes that armlet has no kernel for: what TVM's own importer makes of each of them alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir
from tvm import IRModule, relax
from tvm.ir import GlobalVar
from tvm.relax.expr_functor import PyExprMutator, mutator
from tvm.relax.frontend.onnx import from_onnx

from ..errors import InvalidModelError
from ..frontend.shapes import shape_of
from .layout import Layout, array_in, shape_in

# ONNX ops that compute each element by itself: any layout will do.
ELEMENTWISE = frozenset(
    {"Abs", "Add", "Clip", "Div", "Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Max"}
    | {"Min", "Mul", "Neg", "Pow", "Reciprocal", "Relu", "Sigmoid", "Softplus", "Sqrt", "Sub", "Sum", "Tanh"}
)

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

    def call(self, builder: relax.BlockBuilder, arguments: Sequence[relax.Expr]) -> relax.Expr:
        """A call of it in the function that `builder` builds."""
        main = _Moved(builder, self.module).visit_expr(self.module["main"])
        callee = builder.add_func(main.without_attr("global_symbol"), "tvm_fallback")
        return relax.Call(callee, arguments)


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
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return InvalidModelError(
        f"cannot compile node {node.name!r}: neither armlet nor TVM supports {node.domain or 'ONNX'}'s "
        f"{node.op_type} here ({reason})"
    )


@mutator
class _Moved(PyExprMutator):
    """Adds the other functions of a module to a builder, and makes `main` call them there."""

    def __init__(self, builder: relax.BlockBuilder, module: IRModule):
        super().__init__(module)
        self._moved = {
            name: builder.add_func(function.without_attr("global_symbol"), name.name_hint)
            for name, function in module.functions.items()
            if name.name_hint != "main"
        }

    def visit_global_var_(self, name: GlobalVar) -> GlobalVar:
        return self._moved.get(name, name)


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
