"""The one door through which ONNX files come in: checked, with static shapes on every value.

Nothing past this point meets a broken tensor, an unknown shape or operator, a node without a name, or data
from outside the model's folder.
"""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import google.protobuf.message
import onnx
import onnx_ir as ir
import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

from ..errors import InvalidModelError, UsageError

# What onnxruntime 1.31 loads: onnx 1.23 writes newer ones by default.
NEWEST_IR_VERSION = 13
NEWEST_OPSET = 26

_ONNX_DOMAINS = ("", "ai.onnx")  # Two names of one domain.


def load(path: Path) -> ir.Model:
    """Read the ONNX file at `path`, with its external data.

    An initializer that is also listed as an input, to be overridden or because IR version 3 demands it, is a
    constant to armlet: the input goes. Nodes without a name are called after their output, and names made
    unique.

    Raises UsageError if there is no such file, InvalidModelError if it is not ONNX, is truncated, refers to
    data outside its folder, holds less data than a tensor's shape says, is newer than ONNX Runtime, holds an
    operator that it does not know, fails onnx's full check, or leaves a shape open.
    """
    try:
        proto = onnx.load(path)
    except (FileNotFoundError, IsADirectoryError) as error:
        if not path.is_file():
            raise UsageError(f"no ONNX file at {path}: check the path") from error
        raise InvalidModelError(f"{path}: external data is missing: {_first_line(error)}") from error
    except google.protobuf.message.DecodeError as error:
        raise InvalidModelError(
            f"{path} is not an ONNX file, or is truncated: {_first_line(error)}"
        ) from error
    except (onnx.checker.ValidationError, ValueError, OSError) as error:
        raise InvalidModelError(f"{path}: cannot read the model's data: {_first_line(error)}") from error
    return from_proto(proto, str(path))


def from_proto(proto: onnx.ModelProto, name: str) -> ir.Model:
    """Check `proto` and infer its shapes; `name` is what errors call it. Raises InvalidModelError.

    Names and inputs are put right in `proto` itself.
    """
    if not proto.graph.node or not proto.graph.output:
        raise InvalidModelError(f"{name} holds no ONNX graph: expected at least one node and one output")
    _check_versions(proto, name)
    for tensor in proto.graph.initializer:
        _check_size(tensor, name)
    for body in (proto.graph, *proto.functions):
        _name_nodes(body)
    _check_operators(proto, name)
    _drop_inputs_with_values(proto)
    for value in proto.graph.input:
        _check_static(value, name, "input")
    try:
        proto = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
        _check_all_static(proto, name)
        # After the shapes: the checker wants those of outputs, which many exporters leave out.
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise InvalidModelError(f"{name} is not valid ONNX: {_first_line(error)}") from error
    return ir.from_proto(proto)


def _check_versions(proto: onnx.ModelProto, name: str) -> None:
    """Refuse a version that ONNX Runtime does not load, or none."""
    opset = max((entry.version for entry in proto.opset_import if entry.domain in _ONNX_DOMAINS), default=0)
    for what, found, newest in (
        ("IR version", proto.ir_version, NEWEST_IR_VERSION),
        ("opset", opset, NEWEST_OPSET),
    ):
        if not 1 <= found <= newest:
            raise InvalidModelError(
                f"{name} has {what} {found}, expected 1 to {newest}, which onnxruntime {ort.__version__} "
                "loads: export it for one of these"
            )


def _check_size(tensor: onnx.TensorProto, name: str) -> None:
    """Refuse a tensor of unknown type, or that holds more or fewer elements than its shape says."""
    if tensor.data_type not in onnx.TensorProto.DataType.values():
        raise InvalidModelError(
            f"{name}: tensor {tensor.name!r} has the unknown type {tensor.data_type}: the file is damaged"
        )
    try:
        onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise InvalidModelError(
            f"{name}: tensor {tensor.name!r} of shape {list(tensor.dims)} does not fit the "
            f"{len(tensor.raw_data)} bytes it holds: the file is damaged ({_first_line(error)})"
        ) from error


def _name_nodes(body: onnx.GraphProto | onnx.FunctionProto) -> None:
    """Give each node, branches and loop bodies included, a name of its own."""
    nodes = list(_with_subgraphs(body.node))
    taken, seen = {node.name for node in nodes}, {""}
    for node in nodes:
        if node.name in seen:
            stem = node.name or next(filter(None, node.output), node.op_type)
            names = (f"{stem}_{number}" if number else stem for number in count())
            node.name = next(name for name in names if name not in taken)
            taken.add(node.name)
        seen.add(node.name)


def _check_operators(proto: onnx.ModelProto, name: str) -> None:
    """Refuse an operator that is neither ONNX Runtime's nor a function of the model."""
    known = {(schema.domain, schema.name) for schema in get_all_operator_schema()}
    known |= {(function.domain, function.name) for function in proto.functions}
    for node in (node for body in (proto.graph, *proto.functions) for node in _with_subgraphs(body.node)):
        domain = "" if node.domain in _ONNX_DOMAINS else node.domain
        if (domain, node.op_type) not in known:
            raise InvalidModelError(
                f"{name}: node {node.name!r} is {node.op_type!r} of the domain {domain or 'ai.onnx'!r}, an "
                f"operator that onnxruntime {ort.__version__} does not know: export the model with standard "
                "operators, or with this one as a local function"
            )


def _with_subgraphs(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The `nodes`, each followed by those of its branches or of its loop's body."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _with_subgraphs(graph.node)


def _drop_inputs_with_values(proto: onnx.ModelProto) -> None:
    valued = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in valued]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    # Before version 4 every initializer had to be listed as an input.
    proto.ir_version = max(proto.ir_version, 4)


def _check_all_static(proto: onnx.ModelProto, name: str) -> None:
    known = {value.name: value for value in [*proto.graph.value_info, *proto.graph.output]}
    for node in proto.graph.node:
        for output in filter(None, node.output):
            role = f"output of node {node.name!r} ({node.op_type})"
            _check_static(known.get(output, onnx.ValueInfoProto(name=output)), name, role)


def _check_static(value: onnx.ValueInfoProto, name: str, role: str) -> None:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type" or not value.type.tensor_type.HasField("shape"):
        raise InvalidModelError(f"{name}: {role} {value.name!r} has no known shape: expected static sizes")
    shape = [
        d.dim_value if d.HasField("dim_value") else (d.dim_param or "?")
        for d in value.type.tensor_type.shape.dim
    ]
    if not all(isinstance(size, int) and size > 0 for size in shape):
        raise InvalidModelError(
            f"{name}: {role} {value.name!r} has the shape {shape}: expected static sizes, batch 1 "
            "(fix the dimensions when exporting)"
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
