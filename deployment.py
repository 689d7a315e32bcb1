"""An artifact on a board or phone, with all that it takes to run there."""

import secrets
import shlex
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .artifact import C_LIBRARY, MANIFEST, Artifact, installed_pins
from .errors import DeviceError, InvalidArtifactError, UsageError
from .inference import agreement
from .targets import Device, PushedDevice, Shell, find_toolchain, install
from .targets.devices.installation import PART
from .targets.elf import check_machine

PROGRAMS = ("example", "benchmark")
INPUT = "input.bin"
# What example.c says when the processor has not all instructions.
UNSUPPORTED = "this processor lacks"

ASK_VERSIONS = """
from importlib.metadata import version
print("Python")
print(version("apache-tvm"), version("apache-tvm-ffi"))
"""
# Programs in Python, for boards that have it: by the C library, and by TVM.
EXAMPLES = Path(__file__).with_name("deployed")


@dataclass(frozen=True)
class Deployment:
    """Where an artifact is on a device, how far its output was off there, and how to start it.

    `worst_error` is relative to the range of the output. `commands` are lines to type here, by what they do.
    """

    device: str
    system: str
    folder: str
    pushed: bool
    worst_error: float
    commands: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """The same as a dictionary."""
        return asdict(self)


def deploy(artifact: Artifact, device: Device) -> Deployment:
    """Bring `artifact` to the folder armlet/NAME of `device`, run it there once on its sample, and compare.

    It is pushed beside, with programs that need nothing of the system, and takes its name once all hashes
    agree. NAME is that of the artifact's folder; what had it before is replaced. Raises UsageError for a
    device without a shell, InvalidArtifactError if the artifact is not for such a processor, DeviceError if
    the device cannot be reached, is lost or full, ArmletError if the output is wrong.
    """
    if not isinstance(device, PushedDevice):
        raise UsageError(f"{device.uri} cannot be deployed to: use ssh://[USER@]HOST[:PORT] or adb:SERIAL")
    check_machine(artifact.library, device.machine, device.uri)
    with device.shell() as shell, tempfile.TemporaryDirectory(prefix="armlet-deploy-") as staging:
        whole = Path(staging, artifact.folder.resolve().name)
        _stage(artifact, whole, shell.os_name)
        folder = shell.folder(whole.name)
        pushed = install(shell, whole, folder)
        error = _run_once(artifact, shell, folder)
        return Deployment(device.uri, shell.system, folder, pushed, error, _commands(artifact, shell, folder))


def _stage(artifact: Artifact, folder: Path, os_name: str) -> None:
    """Write what goes to the device to the new folder `folder`."""
    for name in (MANIFEST, *artifact.manifest["files"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(artifact.folder / name, folder / name)
    artifact.sample[0].tofile(folder / INPUT)
    for example in EXAMPLES.glob("*.py"):
        shutil.copy(example, folder)
    toolchain = find_toolchain(os_name, "aarch64")
    library = folder / C_LIBRARY / f"lib{artifact.manifest['c_library']['name']}.a"
    for program in PROGRAMS:
        toolchain.build_static([folder / C_LIBRARY / f"{program}.c", library], folder / program)


def _run_once(artifact: Artifact, shell: Shell, folder: str) -> float:
    """The error of the first output, computed there for the sample, relative to its range."""
    # Beside the artifact, which stays as it was made.
    beside = shlex.quote(f"{folder}.{secrets.token_hex(4)}{PART}")
    outputs = [f"{beside}/{name}" for name in _output_names(artifact)]
    run = f"mkdir {beside} && cd {shlex.quote(folder)} && ./example {INPUT} {' '.join(outputs)}"
    try:
        output = shell.run(f"{run} && cat {outputs[0]}; code=$?; rm -rf {beside}; exit $code")
    except DeviceError as error:
        if UNSUPPORTED in str(error):
            raise InvalidArtifactError(f"{error}: compile it for an older core, or a family") from error
        raise
    want = artifact.sample[1]
    if len(output) != want.nbytes:
        raise DeviceError(f"{shell.uri} gave {len(output)} bytes of output, expected {want.nbytes}")
    got = np.frombuffer(output, want.dtype).reshape(want.shape)
    return agreement([want], [got], artifact, shell.uri, artifact.sample_margins)


def _output_names(artifact: Artifact) -> list[str]:
    count = len(artifact.manifest["outputs"])
    return ["output.bin"] if count == 1 else [f"output{number}.bin" for number in range(count)]


def _commands(artifact: Artifact, shell: Shell, folder: str) -> dict[str, str]:
    """What starts the network there, by what it does."""
    there = f"cd {shlex.quote(folder)} &&"
    commands = {
        "run": shell.spelled(f"{there} ./example {INPUT} {' '.join(_output_names(artifact))}"),
        "time": shell.spelled(f"{there} ./benchmark --kernels"),
    }
    python, tvm = _versions(shell)
    if python:
        commands["run in Python"] = shell.spelled(f"{there} python3 example.py")
    if tvm == [*installed_pins().values()]:
        commands["run by the TVM installed there"] = shell.spelled(f"{there} python3 example_tvm.py")
    return commands


def _versions(shell: Shell) -> tuple[bool, list[str]]:
    """Whether Python is there, and the versions of TVM and its FFI that it has; none if it has not both."""
    words = shell.run(f"python3 -c {shlex.quote(ASK_VERSIONS)} 2>/dev/null || true").decode().split()
    return bool(words), words[1:]
