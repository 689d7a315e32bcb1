"""Write ONNX files whole or not at all."""

from pathlib import Path

import onnx_ir as ir

from ..files import written_beside


def save(model: ir.Model, path: Path, *, force: bool = False) -> None:
    """Write `model` to `path`, weights included.

    Raises UsageError if `path` exists and `force` is not given, ArmletError if it cannot be written.
    """
    with written_beside(path, force=force) as draft:
        ir.save(model, draft)
