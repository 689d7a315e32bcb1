"""The names of a network's classes."""

import math
from pathlib import Path

import onnx_ir as ir

from ..errors import UsageError
from ..frontend.shapes import shape_of
from .detection import METADATA


def read_labels(path: Path, model: ir.Model) -> list[str]:
    """One name a line; raises UsageError if there is not one for each class of the first output.

    A map of classes does not say how many there are: then all names are taken.
    """
    try:
        labels = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the labels in {path}: {error}") from error
    classes = _classes(model)
    if classes is not None and len(labels) != classes:
        raise UsageError(f"{path} has {len(labels)} lines, expected one for each of {classes} classes")
    return labels


def _classes(model: ir.Model) -> int | None:
    """How many classes the first output tells apart; None if it does not say."""
    output = model.graph.outputs[0]
    if output.dtype is not None and output.dtype.is_integer():
        return None
    shape = shape_of(output)
    if METADATA in model.metadata_props:
        return shape[-1]
    return shape[1] if len(shape) == 4 else math.prod(shape)
