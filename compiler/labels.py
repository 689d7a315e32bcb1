"""The names of a network's classes."""

import math
from pathlib import Path

import onnx_ir as ir

from ..errors import UsageError
from ..frontend.shapes import shape_of


def read_labels(path: Path, model: ir.Model) -> list[str]:
    """One name a line; raises UsageError if there is not one for each value of the first output."""
    try:
        labels = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the labels in {path}: {error}") from error
    classes = math.prod(shape_of(model.graph.outputs[0]))
    if len(labels) != classes:
        raise UsageError(f"{path} has {len(labels)} lines, expected one for each of {classes} classes")
    return labels
