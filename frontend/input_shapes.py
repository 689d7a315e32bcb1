"""Static sizes for a graph's inputs: batch 1, and for the rest what the caller says."""

import math
from collections.abc import Mapping, Sequence

import onnx

from ..errors import InvalidModelError, UsageError

# The shape of each input by its name; of the only input also by "".
InputShapes = Mapping[str, Sequence[int]]

# Elements of one tensor: 1 GiB of float32.
MOST_ELEMENTS = 1 << 28


def fix_input_shapes(proto: onnx.ModelProto, shapes: InputShapes, name: str) -> None:
    """Give the inputs of `proto` the `shapes`, and batch 1 to those that leave their batch open; in place.

    What the file says of other values is dropped where sizes change: it is inferred again. `name` is what
    errors call the model. Raises UsageError if `shapes` fit no input, InvalidModelError if a size stays open.
    """
    inputs = {value.name: value for value in proto.graph.input}
    changed = False
    for key, shape in shapes.items():
        value = _input(inputs, key, name)
        if not key and value.name in shapes:
            raise UsageError(f"input {value.name!r} of {name} has two shapes, one without its name: give one")
        tensor = value.type.tensor_type
        if tensor.HasField("shape") and len(tensor.shape.dim) != len(shape):
            raise UsageError(
                f"input {value.name!r} of {name} has the shape {shape_in_words(value)}, found "
                f"{list(shape)}: give as many sizes"
            )
        if not all(1 <= size <= MOST_ELEMENTS for size in shape):
            raise UsageError(
                f"{list(shape)} is no shape for input {value.name!r}: sizes are 1 to {MOST_ELEMENTS:,}"
            )
        if shape_in_words(value) != list(shape):
            tensor.shape.CopyFrom(onnx.TensorShapeProto())
            for size in shape:
                tensor.shape.dim.add(dim_value=size)
            changed = True
    for value in inputs.values():
        dims = value.type.tensor_type.shape.dim
        if len(dims) > 1 and not dims[0].HasField("dim_value"):
            dims[0].dim_value = 1
            changed = True
        check_static(value, name, "input")
    if changed:
        del proto.graph.value_info[:]
        for value in proto.graph.output:
            value.type.tensor_type.ClearField("shape")


def _input(inputs: Mapping[str, onnx.ValueInfoProto], key: str, name: str) -> onnx.ValueInfoProto:
    if not key and len(inputs) == 1:
        return next(iter(inputs.values()))
    if key not in inputs:
        asked = f"no input {key!r}" if key else "several inputs, and a shape for none of them"
        raise UsageError(f"{name} has {asked}: name one of {', '.join(map(repr, inputs))}")
    return inputs[key]


def check_static(value: onnx.ValueInfoProto, name: str, role: str) -> None:
    """Raise InvalidModelError if a size of `value`, the `role` in the model `name`, is open or too large."""
    if not _has_shape(value):
        raise InvalidModelError(
            f"{name}: {role} {value.name!r} has no known shape: expected static sizes (--input-shape gives "
            "those of inputs)"
        )
    shape = shape_in_words(value)
    if not is_static(value):
        raise InvalidModelError(
            f"{name}: {role} {value.name!r} has the shape {shape}: expected static sizes (--input-shape "
            "gives those of inputs)"
        )
    if math.prod(map(int, shape)) > MOST_ELEMENTS:
        raise InvalidModelError(
            f"{name}: {role} {value.name!r} has the shape {shape}: expected at most "
            f"{MOST_ELEMENTS:,} elements"
        )


def is_static(value: onnx.ValueInfoProto) -> bool:
    """Whether every size of `value` is a number above zero."""
    return _has_shape(value) and all(isinstance(size, int) and size > 0 for size in shape_in_words(value))


def _has_shape(value: onnx.ValueInfoProto) -> bool:
    is_tensor = value.type.WhichOneof("value") == "tensor_type"
    return is_tensor and value.type.tensor_type.HasField("shape")


def shape_in_words(value: onnx.ValueInfoProto) -> list[int | str]:
    """The sizes of `value`, with the name of an open one in its place, or a question mark."""
    return [
        d.dim_value if d.HasField("dim_value") else (d.dim_param or "?")
        for d in value.type.tensor_type.shape.dim
    ]
