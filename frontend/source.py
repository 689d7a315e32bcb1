"""A network by what a user calls it: a name of ours, or the path of an ONNX file."""

from pathlib import Path

import onnx_ir as ir

from ..errors import UsageError
from ..files import sha256
from .importer import load
from .input_shapes import InputShapes
from .zoo import ARCHITECTURES, build


def open_model(source: str, shapes: InputShapes | None = None) -> ir.Model:
    """Build the network named `source` (random weights), or read the ONNX file there, its inputs of `shapes`.

    A detection network ends at its logits and regressions: how many boxes suppression leaves is not fixed.
    The model's `meta` says which it was: "source", and "shapes" if they are given. The SHA-256 of a file is
    kept there as "sha256", its name without suffix as "name". Raises UsageError if it is neither, or `shapes`
    are given for a network of armlet's, InvalidModelError as `load` does.
    """
    if source in ARCHITECTURES:
        if shapes:
            raise UsageError(
                f"{source} has its own input shape: give that of an ONNX file, or `armlet build --resolution`"
            )
        detects = ARCHITECTURES[source].task == "detection"
        model = build(source, postprocess=False if detects else None)
        model.meta["source"] = source
        return model
    path = Path(source)
    if not path.exists() and path.suffix != ".onnx":
        raise UsageError(f"{source!r} is neither a model ({', '.join(ARCHITECTURES)}) nor an ONNX file")
    model = load(path, shapes)
    model.meta["source"] = str(path.resolve())
    model.meta["shapes"] = shapes or {}
    model.meta["name"] = path.stem
    model.meta["sha256"] = sha256(path)
    return model
