"""Run or time an artifact on a device, and hold the result against ONNX Runtime."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from .answers import Answer, reader
from .artifact import Artifact, installed_pins
from .compiler.layout import array_in, input_of
from .errors import ArmletError, InvalidArtifactError, UsageError
from .files import written_beside
from .passes.verify import Margins, Runner, relative_error
from .profiling import Profile
from .targets import (
    AS_USUAL,
    CPUINFO_FEATURES,
    Board,
    Conditions,
    Device,
    Latency,
    SimulatedDevice,
    find_core,
    measure_by_call,
    measure_latency,
    require_clock,
)
from .targets.tvm_runtime import describe_version
from .timed_profile import TimedProfile


@dataclass(frozen=True)
class Inference:
    """The outputs of one run, in the artifact's layout, and how they compare with ONNX Runtime's.

    `worst_error` is relative to the range of the output; `answer` is what the outputs say, and `same` which
    part of it ONNX Runtime says too.
    """

    outputs: list[np.ndarray]
    worst_error: float
    answer: Answer
    same: float


def infer(artifact: Artifact, device: Device, image: np.ndarray) -> Inference:
    """Run `image` (batch 1, in the artifact's type and layout) through `artifact` on `device`.

    Raises UsageError if the image has another shape or type, or is not finite, InvalidArtifactError if the
    artifact does not fit the device, DeviceError if the device cannot be reached or is lost, ArmletError if
    the result is wrong.
    """
    (expected,) = artifact.manifest["inputs"]
    if list(image.shape) != expected["shape"]:
        raise UsageError(f"the input has the shape {list(image.shape)}, expected {expected['shape']}")
    if image.dtype != expected["type"]:
        raise UsageError(f"the input is {image.dtype}, expected {expected['type']}")
    if not np.isfinite(image).all():
        raise UsageError("the input holds NaN or infinity, expected finite numbers")
    check_fit(artifact, device)
    with device.connect() as session:
        check_features(artifact, session.board(), device.uri)
        outputs = session.load(artifact.library).run([image])

    layout = artifact.manifest["layout"]
    runner = Runner(ir.load(artifact.model))
    reference, margins = runner.with_margins({expected["name"]: input_of(layout, image)})
    reference = [array_in(layout, output) for output in reference]
    margins = [margin if margin is None else array_in(layout, margin) for margin in margins]
    worst = agreement(reference, outputs, artifact, device.uri, margins)
    answer_of = reader(artifact)
    answer = answer_of(outputs)
    return Inference(outputs, worst, answer, answer.same(answer_of(reference)))


def agreement(
    expected: Sequence[np.ndarray],
    outputs: Sequence[np.ndarray],
    artifact: Artifact,
    where: str,
    margins: Margins,
) -> float:
    """How far `outputs`, computed on `where`, are off the `expected` of ONNX Runtime, relative to the range.

    Of labels, `margins` say how clear each is. Raises ArmletError if that is more than the artifact's
    tolerance.
    """
    worst, tolerance = relative_error(expected, outputs, margins), artifact.manifest["tolerance"]
    if not worst <= tolerance:
        raise ArmletError(
            f"{where} and ONNX Runtime differ by {worst:.1e} of the output's range, expected at most "
            f"{tolerance:.0e}: compile the artifact again, and report it if that does not help"
        )
    return worst


def save_outputs(outputs: list[np.ndarray], path: Path, *, force: bool = False) -> None:
    """Write one output to an .npy file, several to an .npz.

    Raises UsageError if `path` exists and `force` is not given, ArmletError if it cannot be written.
    """
    with written_beside(path, force=force) as draft, draft.open("wb") as file:
        if len(outputs) == 1:
            np.save(file, outputs[0])
        else:
            np.savez(file, *outputs)


def check_output_name(path: Path, artifact: Artifact) -> None:
    """Raise UsageError unless `path` has the suffix of what `save_outputs` will write for `artifact`."""
    count = len(artifact.manifest["outputs"])
    suffix = ".npy" if count == 1 else ".npz"
    if path.suffix != suffix:
        raise UsageError(f"{path} must end in {suffix}: the network has {count} output(s)")


def bench(
    artifact: Artifact,
    device: Device,
    rounds: int,
    conditions: Conditions = AS_USUAL,
    *,
    by_kernel: bool = False,
) -> Latency | Profile:
    """Time `artifact` on its sample input, under `conditions`; on a simulated core, profile it.

    With `by_kernel`, what is timed is a TimedProfile. Raises UsageError if `device` is emulated,
    InvalidArtifactError if the artifact does not fit the device, DeviceError if the device cannot be reached
    or is lost.
    """
    if isinstance(device, SimulatedDevice):
        return profile(artifact, device)
    require_clock(device)
    check_fit(artifact, device)
    with device.connect() as session:
        check_features(artifact, session.board(), device.uri)
        what = session, artifact.library, [artifact.sample[0]]
        core = artifact.manifest["target"]["core"]
        how: dict[str, Any] = {"core": core, "rounds": rounds, "conditions": conditions}
        if by_kernel:
            return TimedProfile.of(artifact, *measure_by_call(*what, **how))
        return measure_latency(*what, **how)


def profile(artifact: Artifact, device: SimulatedDevice) -> Profile:
    """Count one inference of `artifact` on its sample input, and model its cycles.

    Raises InvalidArtifactError if the artifact does not fit the device or crashes, ArmletError if qemu,
    llvm-mca or a toolchain is missing.
    """
    check_fit(artifact, device)
    simulation = device.simulate(artifact.library, artifact.sample[0])
    return Profile.of(simulation, artifact, device)


def check_fit(artifact: Artifact, device: Device) -> None:
    """Raise InvalidArtifactError if the artifact is for another TVM, or for what `device` is known not to be.

    Both ends of a connection have the same TVM, so that comparing with ours is enough.
    """
    pins, target, here = artifact.manifest["pins"], artifact.manifest["target"], device.core
    if pins != installed_pins():
        raise InvalidArtifactError(
            f"{artifact.folder} is compiled with TVM "
            f"{describe_version(pins)}, here is {describe_version(installed_pins())}: compile it again"
        )
    if here is None:
        return
    lacking = {name for name in target.get("mattr", ()) if name.startswith("+")} - set(here.features)
    # The levels of x86-64 are in alphabetical order, and each has all of the one before.
    newer = target["core"] == "host" and target["mcpu"] > here.llvm_cpu
    if find_core(target["core"]).machine != here.machine or lacking or newer:
        raise InvalidArtifactError(
            f"{artifact.folder} is compiled for {target['core']} ({target['mcpu']}), which {device.uri} "
            f"cannot run: compile it with --target {here.name}, or choose another device"
        )


def check_features(artifact: Artifact, board: Board | None, where: str) -> None:
    """Raise InvalidArtifactError if the artifact has instructions that no processor of `board` knows."""
    if not board or not board.features:
        return
    wanted = (CPUINFO_FEATURES.get(name) for name in artifact.manifest["target"].get("mattr", ()))
    if lacking := [name for name in wanted if name and name not in board.features]:
        raise InvalidArtifactError(
            f"{artifact.folder} is compiled for {artifact.manifest['target']['core']}, {where} has "
            f"{board.cores}, which lack {' and '.join(lacking)}: compile it for one of these"
        )
