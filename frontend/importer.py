"""The one door through which ONNX files come in: checked, in known versions, static shapes everywhere.

Nothing past this point meets a broken tensor, an unknown shape or operator, a node without a name, data from
outside the model's folder, or more of it than fits.
"""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import google.protobuf.message
import onnx
import onnx_ir as ir
import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

from ..errors import InvalidModelError, UsageError, first_line
from .inference_form import to_inference
from .input_shapes import InputShapes, fix_input_shapes
from .shape_inference import infer_shapes
from .versions import ONNX_DOMAINS, in_known_versions

# Ten times the largest network for a phone; ONNX itself ends at 2 GiB.
MOST_BYTES = 1 << 30
MOST_NODES = 50_000

# Where a model keeps what was in training mode in its file.
TURNED = "armlet.turned_to_inference"

NOT_FIXED = (
    "is NonMaxSuppression, which finds no fixed number of boxes: export the network up to its boxes and "
    "scores (`armlet build --no-postprocess`)"
)


def load(path: Path, shapes: InputShapes | None = None) -> ir.Model:
    """Read the ONNX file at `path`, with its external data, its inputs of the sizes `shapes`.

    A batch that the file leaves open is 1. Opsets before 14 and after 26 are converted to these. An
    initializer that is also listed as an input, to be overridden or because IR version 3 demands it, is a
    constant to armlet: the input goes. Batch norms and dropouts in training mode are turned to inference.
    Nodes without a name are called after their output, and names made unique.

    Raises UsageError if there is no such file or `shapes` do not fit its inputs, InvalidModelError if it is
    not ONNX, is truncated, refers to data outside its folder, holds less data than a tensor's shape says,
    takes more than 1 GiB, has 50,000 nodes or more, cannot be converted, holds an operator that ONNX Runtime
    does not know, fails onnx's full check, or leaves a shape open.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _too_large(path)
        proto = onnx.load(path, load_external_data=False)
        if sum(_external_bytes(tensor, path.parent) for tensor in _tensors(proto)) > MOST_BYTES:
            raise _too_large(path)
        onnx.load_external_data_for_model(proto, str(path.parent))
    except (FileNotFoundError, IsADirectoryError) as error:
        if not path.is_file():
            raise UsageError(f"no ONNX file at {path}: check the path") from error
        raise InvalidModelError(f"{path}: external data is missing: {first_line(error)}") from error
    except google.protobuf.message.DecodeError as error:
        raise InvalidModelError(
            f"{path} is not an ONNX file, or is truncated: {first_line(error)}"
        ) from error
    except (onnx.checker.ValidationError, ValueError, OSError) as error:
        raise InvalidModelError(f"{path}: cannot read the model's data: {first_line(error)}") from error
    return from_proto(proto, str(path), shapes)


def from_proto(proto: onnx.ModelProto, name: str, shapes: InputShapes | None = None) -> ir.Model:
    """Check `proto` and infer its shapes, as `load` does; `name` is what errors call it.

    Names and inputs are put right in `proto` itself.
    """
    if any(isinstance(text, bytes) for text in _texts(proto)):  # What protobuf makes of other bytes.
        raise InvalidModelError(f"{name} has a name that is not UTF-8: the file is damaged")
    if not proto.graph.node or not proto.graph.output:
        raise InvalidModelError(f"{name} holds no ONNX graph: expected at least one node and one output")
    if sum(1 for _ in _all_nodes(proto)) > MOST_NODES:
        raise InvalidModelError(f"{name} has more than {MOST_NODES:,} nodes: armlet is for smaller networks")
    for tensor in proto.graph.initializer:
        _check_size(tensor, name)
    _drop_inputs_with_values(proto)
    turned = to_inference(proto, _all_nodes(proto), name)
    proto = in_known_versions(proto, name)
    for body in (proto.graph, *proto.functions):
        _name_nodes(body)
    _check_operators(proto, name)
    fix_input_shapes(proto, shapes or {}, name)
    _refuse_suppression(proto, name)
    try:
        proto = infer_shapes(proto, name)
        # After the shapes: the checker wants those of outputs, which many exporters leave out.
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise InvalidModelError(f"{name} is not valid ONNX: {first_line(error)}") from error
    model = ir.from_proto(proto)
    if turned:
        model.metadata_props[TURNED] = ", ".join(f"{number} {op}" for op, number in turned.items())
    return model


def _texts(message: google.protobuf.message.Message) -> Iterator[str | bytes]:
    """All texts in `message`."""
    for field, value in message.ListFields():
        one = isinstance(value, str | bytes | google.protobuf.message.Message)
        if field.type == field.TYPE_STRING:
            yield from [value] if one else value
        elif field.type == field.TYPE_MESSAGE:
            for each in [value] if one else value:
                yield from _texts(each)


def _too_large(path: Path) -> InvalidModelError:
    return InvalidModelError(
        f"{path} is larger than {MOST_BYTES >> 20} MiB with its data: armlet is for smaller networks"
    )


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """The tensors of the main graph: initializers, and those in attributes of nodes."""
    yield from proto.graph.initializer
    for node in _all_nodes(proto):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)


def _external_bytes(tensor: onnx.TensorProto, folder: Path) -> int:
    """How much reading the data of `tensor` from a file of its own takes; nothing where it has none."""
    if not onnx.external_data_helper.uses_external_data(tensor):
        return 0
    told = {entry.key: entry.value for entry in tensor.external_data}
    if "length" in told:
        return int(told["length"])
    return (folder / told.get("location", "")).stat().st_size


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
            f"{len(tensor.raw_data)} bytes it holds: the file is damaged ({first_line(error)})"
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
    for node in _all_nodes(proto):
        domain = "" if node.domain in ONNX_DOMAINS else node.domain
        if (domain, node.op_type) not in known:
            raise InvalidModelError(
                f"{name}: node {node.name!r} is {node.op_type!r} of the domain {domain or 'ai.onnx'!r}, an "
                f"operator that onnxruntime {ort.__version__} does not know: export the model with standard "
                "operators, or with this one as a local function"
            )


def _all_nodes(proto: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Those of the graph and of the functions."""
    for body in (proto.graph, *proto.functions):
        yield from _with_subgraphs(body.node)


def _refuse_suppression(proto: onnx.ModelProto, name: str) -> None:
    """Refuse NonMaxSuppression, in words of its own: why its shape is open is not seen from the shape."""
    for node in _all_nodes(proto):
        if node.op_type == "NonMaxSuppression":
            raise InvalidModelError(f"{name}: node {node.name!r} {NOT_FIXED}")


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
