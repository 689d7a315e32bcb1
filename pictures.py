"""Files as inputs: arrays as they are, pictures as the artifact's network takes them."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from .artifact import Artifact
from .errors import UsageError


def read_input(path: Path, artifact: Artifact) -> np.ndarray:
    """The input that the file at `path` holds, in the artifact's type: an .npy array, or a picture.

    Raises UsageError if there is no such file, or it is neither, or the artifact takes no pictures.
    """
    try:
        return _read_array(path, artifact) if path.suffix == ".npy" else _read_picture(path, artifact)
    except (UnidentifiedImageError, Image.DecompressionBombError, ValueError, EOFError) as error:
        raise UsageError(f"{path} is neither a picture nor an array of numbers: {error}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def preprocess(picture: Image.Image, how: dict[str, Any], layout: str) -> np.ndarray:
    """Resize the shorter side of an RGB `picture`, crop the middle and normalise, as torchvision does.

    `how` has `resize` and `crop` in pixels, or the height and width to `stretch` the whole picture to; the
    `interpolation` (bilinear if left out), and the `mean` and `std` of RGB in 0..1. The crop must fit.
    Without mean and std the network normalises itself: what it takes is a frame, uint8 and NHWC.
    """
    interpolation = Image.Resampling[how.get("interpolation", "bilinear").upper()]
    if "stretch" in how:
        resized = picture.resize(how["stretch"][::-1], interpolation)
    else:
        resized = _crop(picture, how["resize"], how["crop"], interpolation)
    if "mean" not in how:
        return np.asarray(resized)[None]
    pixels = np.asarray(resized, dtype=np.float32) / 255
    nhwc = ((pixels - how["mean"]) / how["std"]).astype(np.float32)[None]
    return nhwc if layout == "nhwc" else np.ascontiguousarray(nhwc.transpose(0, 3, 1, 2))


def _crop(picture: Image.Image, resize: int, crop: int, interpolation: Image.Resampling) -> Image.Image:
    """The middle of `picture`, its shorter side resized."""
    short = min(picture.size)
    width, height = (resize if side == short else resize * side // short for side in picture.size)
    left, top = (round((side - crop) / 2) for side in (width, height))
    return picture.resize((width, height), interpolation).crop((left, top, left + crop, top + crop))


def _read_array(path: Path, artifact: Artifact) -> np.ndarray:
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise ValueError("expected one array of real numbers")
    (expected,) = artifact.manifest["inputs"]
    if expected["type"] == "uint8" and not ((array >= 0) & (array <= 255) & (array % 1 == 0)).all():
        raise ValueError("expected whole numbers from 0 to 255")
    return array.astype(expected["type"])


def _read_picture(path: Path, artifact: Artifact) -> np.ndarray:
    how = artifact.manifest["preprocessing"]
    if how is None:
        raise UsageError(f"{artifact.folder} does not say how it takes pictures: give an .npy array")
    picture = Image.open(path)
    if picture.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"):
        raise ValueError(f"pixels of mode {picture.mode}, expected 8 bits a channel")
    return preprocess(picture.convert("RGB"), how, artifact.manifest["layout"])
