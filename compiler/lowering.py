"""ONNX to Relax: each fused node becomes a call of a kernel of ours, each other node what TVM makes of it.

Maps are NHWC inside. A value of rank 4 is transposed only where an operation wants the other layout, once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx_ir as ir
from tvm import IRModule, relax
from tvm.relax.frontend.onnx import from_onnx

from ..errors import InvalidModelError
from ..frontend.shapes import shape_of
from ..passes.clean_up import DOMAIN
from .kernels import FAMILIES, Kernel
from .layout import Layout, array_in, shape_in

# ONNX ops that compute each element by itself: any layout will do.
ELEMENTWISE = frozenset(
    {"Abs", "Add", "Clip", "Div", "Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Max"}
    | {"Min", "Mul", "Neg", "Pow", "Reciprocal", "Relu", "Sigmoid", "Softplus", "Sqrt", "Sub", "Sum", "Tanh"}
)


# What TVM raises for an operation that it cannot import or compile.
TVM_ERRORS = (RuntimeError, ValueError, TypeError, NotImplementedError, KeyError, AttributeError)


@dataclass(frozen=True)
class Fallback:
    """A node that was left to TVM, and what TVM made of it alone."""

    node: ir.Node
    module: IRModule

    def __str__(self) -> str:
        return f"{self.node.name} ({self.node.op_type})"


@dataclass
class Lowered:
    """A network in Relax: `main` of `module`, which calls `kernels` by name; `layers` are those of each."""

    module: IRModule
    kernels: dict[str, Kernel] = field(default_factory=dict)
    layers: dict[str, list[str]] = field(default_factory=dict)
    fallbacks: list[Fallback] = field(default_factory=list)


def lower(model: ir.Model, layout: Layout) -> Lowered:
    """Lower the fused `model`; inputs and outputs of rank 4 are in `layout`.

    Raises InvalidModelError naming the operation that neither armlet nor TVM can compile, and its node.
    """
    return _Lowering(model, layout).run()


class _Lowering:
    def __init__(self, model: ir.Model, layout: Layout):
        self.model = model
        self.layout = layout
        self.builder = relax.BlockBuilder()
        # Every value in the layouts in which it exists so far.
        self.values: dict[ir.Value, dict[Layout, relax.Var]] = {}
        self.lowered = Lowered(IRModule())

    def run(self) -> Lowered:
        graph = self.model.graph
        parameters = [self._parameter(value) for value in graph.inputs]
        with self.builder.function("main", parameters):
            with self.builder.dataflow():
                for node in graph:
                    if node.domain == DOMAIN:
                        self._call_kernel(node)
                    else:
                        self._call_tvm(node)
                outputs = [self.builder.emit_output(self._get(value, self.layout)) for value in graph.outputs]
            self.builder.emit_func_output(outputs[0] if len(outputs) == 1 else relax.Tuple(outputs))
        inlined = relax.transform.InlinePrivateFunctions()(self.builder.get())
        self.lowered.module = relax.transform.DeadCodeElimination(["main"])(inlined)
        return self.lowered

    def _parameter(self, value: ir.Value) -> relax.Var:
        parameter = relax.Var(_identifier(value.name or "input"), _type(value, self.layout))
        self.values[value] = {self.layout: parameter}
        return parameter

    def _get(self, value: ir.Value, layout: Layout) -> relax.Expr:
        """`value` in `layout`, transposed if it exists in the other one only."""
        if value.const_value is not None:
            return relax.const(array_in(layout, value.const_value.numpy()))
        known = self.values[value]
        if layout not in known:
            (other,) = known.values()
            shape = shape_of(value)
            if len(shape) != 4:
                known[layout] = other
            elif shape[1] == 1 or shape[2] == shape[3] == 1:
                known[layout] = self.builder.emit(relax.op.reshape(other, shape_in(layout, shape)))
            else:
                axes = [0, 2, 3, 1] if layout == "nhwc" else [0, 3, 1, 2]
                known[layout] = self.builder.emit(relax.op.permute_dims(other, axes))
        return known[layout]

    def _call_kernel(self, node: ir.Node) -> None:
        kernel = FAMILIES[node.op_type](node)
        name = f"{kernel.family}_{hashlib.sha256(kernel.function.script().encode()).hexdigest()[:12]}"
        self.lowered.kernels.setdefault(name, kernel)
        self.lowered.layers.setdefault(name, []).append(node.name or "")
        arguments = [self._get(value, "nhwc") for value in node.inputs if value and value.const_value is None]
        constants = [relax.const(constant) for constant in kernel.constants]
        output = node.outputs[0]
        call = relax.op.call_dps_packed(name, relax.Tuple([*arguments, *constants]), _type(output, "nhwc"))
        self.values[output] = {"nhwc": self.builder.emit(call)}

    def _call_tvm(self, node: ir.Node) -> None:
        """Compute `node` by what TVM's importer makes of it alone."""
        layout: Layout = "nhwc" if _any_layout(node) else "nchw"
        inputs = [value for value in dict.fromkeys(node.inputs) if value and value.const_value is None]
        alone = self._import(node, inputs, layout)
        self.lowered.fallbacks.append(Fallback(node, alone))
        function = alone["main"].without_attr("global_symbol")
        callee = self.builder.add_func(function, f"tvm_{_identifier(node.name or node.op_type)}")
        result = self.builder.emit(relax.Call(callee, [self._get(value, layout) for value in inputs]))
        single = len(node.outputs) == 1
        for index, output in enumerate(node.outputs):
            part = result if single else self.builder.emit(relax.TupleGetItem(result, index))
            self.values[output] = {layout: part}

    def _import(self, node: ir.Node, inputs: Sequence[ir.Value], layout: Layout) -> IRModule:
        alone = ir.convenience.extract(self.model.graph, inputs, node.outputs)
        if layout == "nhwc":
            for value in [*alone.inputs, *alone.outputs, *alone.initializers.values()]:
                _make_nhwc(value)
        proto = ir.to_proto(ir.Model(alone, ir_version=self.model.ir_version))
        try:
            return from_onnx(proto)
        except TVM_ERRORS as error:
            raise cannot_compile(node, error) from error


def cannot_compile(node: ir.Node, error: Exception) -> InvalidModelError:
    """The error for a `node` that TVM failed on with `error`."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return InvalidModelError(
        f"cannot compile node {node.name!r}: neither armlet nor TVM supports {node.domain or 'ONNX'}'s "
        f"{node.op_type} here ({reason})"
    )


def _any_layout(node: ir.Node) -> bool:
    """Whether `node` may compute on NHWC maps: element by element, on maps and scalars only."""
    inputs = [value for value in node.inputs if value]
    maps = [value for value in inputs if len(shape_of(value)) == 4]
    scalars = [value for value in inputs if value.const_value is not None and value.const_value.size == 1]
    return node.op_type in ELEMENTWISE and bool(maps) and {*maps, *scalars} == {*inputs}


def _make_nhwc(value: ir.Value) -> None:
    shape = shape_of(value)
    if len(shape) != 4:
        return
    if value.const_value is not None:
        value.const_value = ir.tensor(array_in("nhwc", value.const_value.numpy()))
    value.shape = ir.Shape(shape_in("nhwc", shape))


def _type(value: ir.Value, layout: Layout) -> relax.TensorType:
    assert value.dtype is not None
    return relax.TensorType(shape_in(layout, shape_of(value)), value.dtype.numpy().name)


def _identifier(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name)
