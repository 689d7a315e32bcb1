"""A network by what a user calls it: a name of ours, or the path of an ONNX file."""

import json
from pathlib import Path

import onnx_ir as ir

from ..errors import UsageError
from ..files import sha256
from .conventions import Source
from .importer import load
from .input_shapes import InputShapes
from .trained import build
from .zoo import ARCHITECTURES


def open_model(
    source: str,
    shapes: InputShapes | None = None,
    *,
    weights: Path | None = None,
    whose: Source | None = None,
) -> ir.Model:
    """Build the network named `source`, or read the ONNX file there, its inputs of `shapes`.

    A network has the `weights` of a checkpoint, and is as its source has it, `whose` if given; else they are
    random. A detection network ends at its logits and regressions: how many boxes suppression leaves is not
    fixed. The model's `meta` says which it was: "source", and "shapes" and "weights" if they are given. The
    SHA-256 of a file is kept there as "sha256", its name without suffix as "name".

    Raises UsageError if it is neither, or what is given is not for it, InvalidModelError as `load` and
    `build` do.
    """
    if source in ARCHITECTURES:
        if shapes:
            raise UsageError(
                f"{source} has its own input shape: give that of an ONNX file, or `armlet build --resolution`"
            )
        detects = ARCHITECTURES[source].task == "detection"
        model = build(source, source=whose, weights=weights, postprocess=False if detects else None)
        model.meta["source"] = source
        if weights:
            model.meta["weights"] = str(weights.resolve())
            model.meta["whose"] = json.loads(model.metadata_props["armlet.model"])["source"]
        return model
    if weights or whose:
        raise UsageError(
            f"{source} is no network of armlet's, which a checkpoint is for: an ONNX file has its weights"
        )
    path = Path(source)
    if not path.exists() and path.suffix != ".onnx":
        raise UsageError(f"{source!r} is neither a model ({', '.join(ARCHITECTURES)}) nor an ONNX file")
    model = load(path, shapes)
    model.meta["source"] = str(path.resolve())
    model.meta["shapes"] = shapes or {}
    model.meta["name"] = path.stem
    model.meta["sha256"] = sha256(path)
    return model
