"""The one door through which ONNX files come in: checked, with static shapes on every value.

Nothing past this point meets a broken tensor, an unknown shape or data from outside the model's folder.
"""

from pathlib import Path

import google.protobuf.message
import onnx
import onnx_ir as ir

from ..errors import InvalidModelError, UsageError


def load(path: Path) -> ir.Model:
    """Read the ONNX file at `path`, with its external data.

    Raises UsageError if there is no such file, InvalidModelError if it is not ONNX, is truncated, refers to
    data outside its folder, holds less data than a tensor's shape says, fails onnx's full check, or leaves a
    shape open.
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
    """Check `proto` and infer its shapes; `name` is what errors call it. Raises InvalidModelError."""
    if not proto.graph.node or not proto.graph.output:
        raise InvalidModelError(f"{name} holds no ONNX graph: expected at least one node and one output")
    for tensor in proto.graph.initializer:
        _check_size(tensor, name)
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


def _check_size(tensor: onnx.TensorProto, name: str) -> None:
    """Refuse a tensor that holds more or fewer elements than its shape says."""
    try:
        onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise InvalidModelError(
            f"{name}: tensor {tensor.name!r} of shape {list(tensor.dims)} does not fit the "
            f"{len(tensor.raw_data)} bytes it holds: the file is damaged ({_first_line(error)})"
        ) from error


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
