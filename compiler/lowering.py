"""ONNX to a program: each fused node is a call of a kernel of ours, each other node of what TVM makes of it.

Maps are NHWC inside. A value of rank 4 is transposed only where an operation wants the other layout, once; a
stem takes an NCHW picture as it is.
"""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from ..frontend.shapes import shape_of
from ..passes.squeeze_excite_function import DOMAIN
from ..targets import Core
from .c_interface import fingerprint
from .fallback import Schedule, import_alone
from .kernels import Kernel, Select, kernel_of, may_read_planes, may_write_planes
from .kernels.concat import concat
from .kernels.copy import copy
from .kernels.kernel import given
from .kernels.transpose import transpose
from .layout import Layout, array_in, shape_in
from .program import Call, Program, Tensor

# The inputs of our nodes that are activations; the others are constants, which a kernel has laid out.
ACTIVATIONS = {"Scale": (0, 1), "Conv": (0, 3, 4), "DepthwiseConv": (0, 3)}
# What only says how the same numbers are to be read.
RESHAPING = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
# A transposition between NHWC and NCHW says that what is in the one layout is to be read in the other.
RELAYOUTS: dict[tuple[int, ...], tuple[Layout, Layout]] = {
    (0, 3, 1, 2): ("nchw", "nhwc"),
    (0, 2, 3, 1): ("nhwc", "nchw"),
}


def moves_nothing(node: ir.Node) -> bool:
    """Whether the numbers that `node` puts out lie where those are that it reads."""
    is_relayout = node.op_type == "Transpose" and node.attributes.get_ints("perm") in RELAYOUTS
    return is_relayout or node.op_type in RESHAPING


def lower(
    model: ir.Model,
    layout: Layout,
    core: Core,
    select: Select = lambda node, template: None,
    schedule: Schedule = lambda node, number, function: function,
) -> Program:
    """Lower the fused `model` for `core`; inputs and outputs of rank 4 are in `layout`, but for bytes.

    `select` gives the parameters of a kernel, or None for the default; `schedule` what a function of TVM's,
    for a node that is left to it, is to be.

    Raises InvalidModelError naming the operation that neither armlet nor TVM can compile, and its node.
    """
    return _Lowering(model, layout, core, select, schedule).run()


class _Lowering:
    def __init__(self, model: ir.Model, layout: Layout, core: Core, select: Select, schedule: Schedule):
        self.model = model
        self.graph = model.graph
        self.layout = layout
        self.core = core
        self.select = select
        self.schedule = schedule
        self.program = Program()
        # Every value in the layouts in which it exists so far.
        self.values: dict[ir.Value, dict[Layout, Tensor | np.ndarray]] = {}

    def run(self) -> Program:
        for value in self.graph.inputs:
            layout: Layout = "nchw" if value.dtype == ir.DataType.UINT8 else self.layout
            tensor = _tensor(value, layout)
            self.values[value] = {layout: tensor}
            self.program.inputs.append(tensor)
        for node in self.graph:
            if node.domain == DOMAIN and node.op_type == "Concat":
                self._concatenate(node)
            elif node.domain == DOMAIN:
                self._call_kernel(node)
            elif node.op_type in RESHAPING and node.inputs[0] and node.inputs[0].const_value is None:
                self.values[node.outputs[0]] = {"nchw": self._get(node.inputs[0], "nchw")}
            elif node.op_type == "Transpose" and node.attributes.get_ints("perm") in RELAYOUTS:
                read, written = RELAYOUTS[tuple(node.attributes["perm"].as_ints())]
                assert node.inputs[0] is not None
                self.values[node.outputs[0]] = {written: self._get(node.inputs[0], read)}
            else:
                self._call_tvm(node)
        for value in self.graph.outputs:
            self.program.outputs.append(self._output(value))
            self.program.output_shapes.append(shape_in(self.layout, shape_of(value)))
        return self.program

    def _get(self, value: ir.Value, layout: Layout) -> Tensor | np.ndarray:
        """`value` in `layout`, transposed if it exists in the other one only."""
        if value.const_value is not None:
            return array_in(layout, value.const_value.numpy())
        known = self.values[value]
        if layout not in known:
            (other,) = known.values()
            shape = shape_of(value)
            same = len(shape) != 4 or shape[1] == 1 or shape[2] == shape[3] == 1
            if same:
                known[layout] = other
            else:
                known[layout] = self._copy(transpose(value, layout, self.core), value, layout, other)
        return known[layout]

    def _output(self, value: ir.Value) -> Tensor:
        """`value` as an output, which the caller provides: neither an input, nor a constant, nor another."""
        result = self._get(value, self.layout)
        program = self.program
        if isinstance(result, np.ndarray) or result in {*program.inputs, *program.outputs, *program.parts}:
            result = self._copy(copy(value, self.layout), value, self.layout, result)
        return result

    def _copy(self, kernel: Kernel, value: ir.Value, layout: Layout, original: Tensor | np.ndarray) -> Tensor:
        """A call of `kernel`, whose result is `value` in `layout`."""
        producer, result = value.producer(), _tensor(value, layout)
        self._call(kernel, (producer.name if producer else value.name) or "", [original], [result])
        return result

    def _call(
        self,
        kernel: Kernel,
        layer: str,
        activations: Sequence[Tensor | np.ndarray],
        outputs: Sequence[Tensor],
    ) -> None:
        name = f"{kernel.family}_{fingerprint(kernel.function)}"
        self.program.functions[name] = kernel.function
        self.program.kernels.setdefault(name, kernel)
        self.program.calls.append(Call(name, layer, [*activations, *kernel.constants], outputs))

    def _call_kernel(self, node: ir.Node) -> None:
        x, *others = (given(node, number) for number in ACTIVATIONS.get(node.op_type, (0,)))
        assert x is not None
        read: Layout = "nhwc"
        if list(self.values.get(x, ())) == ["nchw"] and may_read_planes(node):
            read = "nchw"
        arguments = [self._get(x, read), *(self._get(value, "nhwc") for value in others if value)]
        written: Layout = "nhwc"
        if self._only_goes_out(node.outputs[0]) and may_write_planes(node):
            written = self.layout
        outputs = {value: _tensor(value, written) for value in node.outputs if value.name}
        kernel = kernel_of(node, self.core, select=self.select, planes="nchw" in (read, written))
        self._call(kernel, node.name or "", arguments, [*outputs.values()])
        self.values |= {value: {written: tensor} for value, tensor in outputs.items()}

    def _concatenate(self, node: ir.Node) -> None:
        """Have what `node` concatenates written to its place, or copy it there."""
        (value,) = node.outputs
        parts = [self._get(part, "nhwc") for part in node.inputs if part]
        whole = _tensor(value, "nhwc")
        if len(shape_of(value)) == 4 or not self.program.join(parts, whole):
            self._call(concat(node, self.core), node.name or "", parts, [whole])
        self.values[value] = {"nhwc": whole}

    @staticmethod
    def _only_goes_out(value: ir.Value) -> bool:
        """Whether nothing in the network reads `value`."""
        return value.is_graph_output() and not value.uses()

    def _call_tvm(self, node: ir.Node) -> None:
        fallback = import_alone(self.graph, node, self.model.ir_version)
        self.program.fallbacks.append(fallback)
        arguments = [self._get(value, fallback.layout) for value in fallback.inputs]
        lowered = fallback.lower(arguments, self.schedule)
        self.program.calls += lowered.calls
        self.program.functions |= lowered.functions
        for output, tensor in zip(node.outputs, lowered.outputs, strict=True):
            self.values[output] = {fallback.layout: tensor}


def _tensor(value: ir.Value, layout: Layout) -> Tensor:
    assert value.dtype is not None
    return Tensor(tuple(shape_in(layout, shape_of(value))), value.dtype.numpy())
