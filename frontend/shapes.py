"""Static shapes of ONNX values."""

import math

import onnx_ir as ir


def shape_of(value: ir.Value | None) -> list[int]:
    """The shape of `value`; a TypeError where it has none or it is symbolic, which the importer refuses."""
    if value is None or value.shape is None:
        raise TypeError(f"{value} has no shape")
    return [int(size) for size in value.shape]  # type: ignore[arg-type]


def nbytes_of(value: ir.Value | None) -> int:
    """The bytes of `value`; a TypeError where its shape or type is not known."""
    shape = shape_of(value)
    if value is None or value.dtype is None:
        raise TypeError(f"{value} has no type")
    return math.prod(shape) * value.dtype.numpy().itemsize


def picture_size(picture: ir.Value) -> tuple[int, int]:
    """Height and width of an input: NCHW, or NHWC if it is uint8."""
    _, first, second, third = shape_of(picture)
    return (first, second) if picture.dtype == ir.DataType.UINT8 else (second, third)
