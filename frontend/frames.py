"""Pictures as phones deliver them, as the input of a network: resized and normalised in the graph."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_ir as ir

from .builder import GraphBuilder
from .conventions import Normalisation


def before_frames(
    preprocessing: Mapping[str, Any], frame: tuple[int, int], size: tuple[int, int]
) -> dict[str, Any]:
    """What of `preprocessing` makes a frame of a picture: nothing is cut where the graph resizes."""
    if frame != size:
        return {"stretch": frame}
    return {step: how for step, how in preprocessing.items() if step not in ("mean", "std")}


def frames(
    b: GraphBuilder, name: str, frame: tuple[int, int], size: tuple[int, int], normalisation: Normalisation
) -> ir.Value:
    """Add an input [1, height, width, 3] of RGB in 0..255, uint8; give it as the image [1, 3, H, W].

    The `frame` (height, width) is stretched to `size` bilinearly, pixels as areas, without antialiasing, and
    then normalised: both are linear, so it is all one whether before or after.
    """
    shape, planes = (1, *frame, 3), (1, 3, *frame)
    picture = b.input(name, shape, ir.DataType.UINT8)
    mean, std = (np.array(each, np.float32).reshape(1, 3, 1, 1) for each in normalisation)
    with b.scope("frame"):
        (numbers,) = b.nodes(
            "Cast", [picture], "float", [(ir.DataType.FLOAT, shape)], {}, to=ir.DataType.FLOAT
        )
        (x,) = b.nodes("Transpose", [numbers], "planes", [(ir.DataType.FLOAT, planes)], {}, perm=[0, 3, 1, 2])
        if frame != size:
            x = b.resize(x, size)
        out = [(ir.DataType.FLOAT, (1, 3, *size))]
        (x,) = b.nodes("Mul", [x], "scaled", out, {"factor": 1 / (255 * std)})
        (x,) = b.nodes("Sub", [x], "normalised", out, {"mean": mean / std})
    return x
