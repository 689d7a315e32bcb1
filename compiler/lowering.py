"""ONNX to Relax: each fused node becomes a call of a kernel of ours, each other node what TVM makes of it.

Maps are NHWC inside. A value of rank 4 is transposed only where an operation wants the other layout, once.
"""

import hashlib
from dataclasses import dataclass, field

import onnx_ir as ir
from tvm import IRModule, relax

from ..frontend.shapes import shape_of
from ..passes.squeeze_excite_function import DOMAIN
from .fallback import Fallback, import_alone
from .kernels import FAMILIES, Kernel
from .layout import Layout, array_in, shape_in

# The inputs of our nodes that are activations; the others are constants, which a kernel has laid out.
X, RESIDUAL = 0, 3


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
        self.graph = model.graph
        self.layout = layout
        foreign = [node for node in model.graph if node.domain != DOMAIN]
        self.fallbacks = {node: import_alone(model.graph, node, model.ir_version) for node in foreign}
        self.lowered = Lowered(IRModule(), fallbacks=list(self.fallbacks.values()))
        self.builder = relax.BlockBuilder()
        # Every value in the layouts in which it exists so far.
        self.values: dict[ir.Value, dict[Layout, relax.Var]] = {}

    def run(self) -> Lowered:
        parameters = [self._parameter(value) for value in self.graph.inputs]
        with self.builder.function("main", parameters):
            with self.builder.dataflow():
                for node in self.graph:
                    if node in self.fallbacks:
                        self._call_tvm(self.fallbacks[node])
                    else:
                        self._call_kernel(node)
                outputs = [
                    self.builder.emit_output(self._get(value, self.layout)) for value in self.graph.outputs
                ]
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
        residual = node.inputs[RESIDUAL : RESIDUAL + 1] if node.op_type != "SqueezeExcite" else ()
        arguments = [self._get(value, "nhwc") for value in (node.inputs[X], *residual) if value]
        constants = [relax.const(constant) for constant in kernel.constants]
        output = node.outputs[0]
        call = relax.op.call_dps_packed(name, relax.Tuple([*arguments, *constants]), _type(output, "nhwc"))
        self.values[output] = {"nhwc": self.builder.emit(call)}

    def _call_tvm(self, fallback: Fallback) -> None:
        arguments = [self._get(value, fallback.layout) for value in fallback.inputs]
        result = self.builder.emit(fallback.call(self.builder, arguments))
        single = len(fallback.node.outputs) == 1
        for index, output in enumerate(fallback.node.outputs):
            part = result if single else self.builder.emit(relax.TupleGetItem(result, index))
            self.values[output] = {fallback.layout: part}


def _type(value: ir.Value, layout: Layout) -> relax.TensorType:
    assert value.dtype is not None
    return relax.TensorType(shape_in(layout, shape_of(value)), value.dtype.numpy().name)


def _identifier(name: str) -> str:
    return "".join(character if character.isalnum() else "_" for character in name)
