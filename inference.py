"""Run an artifact on a device, and hold the result against ONNX Runtime."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from PIL import Image, UnidentifiedImageError

from .artifact import Artifact
from .compiler.layout import array_in
from .errors import ArmletError, InvalidArtifactError, UsageError
from .files import written_beside
from .passes.verify import Runner, relative_error
from .targets import Device, Latency, find_core, measure, require_clock


@dataclass(frozen=True)
class Inference:
    """The outputs of one run, in the artifact's layout, and how they compare with ONNX Runtime's.

    `worst_error` is relative to the range of the output; `same_top5` says whether the five largest values of
    the first output stand in the same places.
    """

    outputs: list[np.ndarray]
    worst_error: float
    same_top5: bool

    @property
    def top5(self) -> list[tuple[int, float]]:
        """Place and value of the five largest of the first output, largest first."""
        values = self.outputs[0].ravel()
        return [(int(place), float(values[place])) for place in largest5(self.outputs[0])]

    def save(self, path: Path) -> None:
        """Write one output to an .npy file, several to an .npz; raises UsageError for another suffix."""
        suffix = ".npy" if len(self.outputs) == 1 else ".npz"
        if path.suffix != suffix:
            raise UsageError(f"{path} must end in {suffix} for {len(self.outputs)} output(s)")
        with written_beside(path, force=True) as draft:
            if suffix == ".npy":
                np.save(draft, self.outputs[0])
            else:
                np.savez(draft, *self.outputs)


def infer(artifact: Artifact, device: Device, image: np.ndarray) -> Inference:
    """Run `image` (batch 1, in the artifact's layout) through `artifact` on `device`.

    Raises UsageError if the image has another shape, InvalidArtifactError if the artifact was compiled for
    another kind of device, DeviceError if the device cannot be reached or is lost, ArmletError if the result
    is wrong.
    """
    (expected,) = artifact.manifest["inputs"]
    if list(image.shape) != expected["shape"]:
        raise UsageError(f"the input has the shape {list(image.shape)}, expected {expected['shape']}")
    check_fit(artifact, device)
    with device.connect() as session:
        outputs = session.load(artifact.library).run([image.astype(np.float32)])

    model = ir.load(artifact.model)
    nchw = image.transpose(0, 3, 1, 2) if expected["layout"] == "nhwc" else image
    reference = Runner(model)({expected["name"]: np.ascontiguousarray(nchw, dtype=np.float32)})
    reference = [array_in(artifact.manifest["layout"], output) for output in reference]
    worst, tolerance = relative_error(reference, outputs), artifact.manifest["tolerance"]
    if not worst <= tolerance:
        raise ArmletError(
            f"{device.uri} and ONNX Runtime differ by {worst:.1e} of the output's range, expected at most "
            f"{tolerance:.0e}: compile the artifact again, and report it if that does not help"
        )
    return Inference(outputs, worst, bool((largest5(outputs[0]) == largest5(reference[0])).all()))


def bench(artifact: Artifact, device: Device, rounds: int) -> Latency:
    """Time `artifact` on its sample input.

    Raises UsageError if `device` is emulated, InvalidArtifactError if the artifact was compiled for another
    kind of device, DeviceError if the device cannot be reached or is lost.
    """
    require_clock(device)
    check_fit(artifact, device)
    return measure(device, artifact.library, [artifact.sample[0]], rounds=rounds)


def largest5(output: np.ndarray) -> np.ndarray:
    """The places of the five largest values, largest first."""
    return np.argsort(-output.ravel(), kind="stable")[:5]


def check_fit(artifact: Artifact, device: Device) -> None:
    """Raise InvalidArtifactError if `device` is known not to run what `artifact` was compiled for."""
    target = find_core(artifact.manifest["target"]["core"])
    here = device.core
    if here is None:
        return
    lacking = {name for name in target.features if name.startswith("+")} - set(here.features)
    if target.machine != here.machine or lacking:
        raise InvalidArtifactError(
            f"{artifact.folder} is compiled for {target.name}, which {device.uri} cannot run: compile it "
            f"with --target {here.name}, or choose another device"
        )


def read_input(path: Path, artifact: Artifact) -> np.ndarray:
    """The input that the file at `path` holds: an .npy array as it is, or a picture, preprocessed.

    Raises UsageError if there is no such file, or it is neither, or the artifact takes no pictures.
    """
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        picture = Image.open(path).convert("RGB")
    except (UnidentifiedImageError, ValueError) as error:
        raise UsageError(f"{path} is neither a picture nor an .npy array: {error}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    preprocessing = artifact.manifest["preprocessing"]
    if preprocessing is None:
        raise UsageError(
            f"the model of {artifact.folder} does not say how it takes pictures: give it an .npy array"
        )
    return preprocess(picture, preprocessing, artifact.manifest["layout"])


def preprocess(picture: Image.Image, how: dict[str, Any], layout: str) -> np.ndarray:
    """Resize the shorter side of an RGB `picture`, crop the middle and normalise, as torchvision does.

    `how` has `resize` and `crop` in pixels, and the `mean` and `std` of RGB in 0..1.
    """
    scale = how["resize"] / min(picture.size)
    size = [max(how["crop"], round(side * scale)) for side in picture.size]
    left, top = ((side - how["crop"]) // 2 for side in size)
    resized = picture.resize((size[0], size[1]), Image.Resampling.BILINEAR)
    cropped = resized.crop((left, top, left + how["crop"], top + how["crop"]))
    pixels = np.asarray(cropped, dtype=np.float32) / 255
    nhwc = ((pixels - how["mean"]) / how["std"]).astype(np.float32)[None]
    return nhwc if layout == "nhwc" else np.ascontiguousarray(nhwc.transpose(0, 3, 1, 2))
