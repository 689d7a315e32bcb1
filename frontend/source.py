"""A network by what a user calls it: a name of ours, or the path of an ONNX file."""

import hashlib
from pathlib import Path

import onnx_ir as ir

from ..errors import UsageError
from .importer import load
from .zoo import ARCHITECTURES, build


def open_model(source: str) -> ir.Model:
    """Build the network named `source` (random weights), or read the ONNX file there.

    The SHA-256 of a file is kept in the model's `meta` as "sha256", its name without suffix as "name". Raises
    UsageError if it is neither, InvalidModelError as `load` does.
    """
    if source in ARCHITECTURES:
        return build(source)
    path = Path(source)
    if not path.exists() and path.suffix != ".onnx":
        raise UsageError(f"{source!r} is neither a model ({', '.join(ARCHITECTURES)}) nor an ONNX file")
    model = load(path)
    model.meta["name"] = path.stem
    model.meta["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return model
