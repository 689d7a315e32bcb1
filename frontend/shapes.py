"""Static shapes of ONNX values."""

import onnx_ir as ir


def shape_of(value: ir.Value | None) -> list[int]:
    """The shape of `value`; a TypeError where it has none or it is symbolic, which the importer refuses."""
    if value is None or value.shape is None:
        raise TypeError(f"{value} has no shape")
    return [int(size) for size in value.shape]  # type: ignore[arg-type]
