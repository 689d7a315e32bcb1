"""Why a kernel of an artifact takes as long as it does on a simulated core."""

from dataclasses import asdict, dataclass
from typing import Any

from .artifact import Artifact
from .errors import UsageError
from .inference import profile
from .profiling import KernelProfile
from .targets import Device, HotRun, Record, SimulatedDevice, hot_runs


@dataclass(frozen=True)
class Explanation:
    """A kernel, and the runs of its code that hold most of its cycles, hottest first."""

    record: Record
    kernel: KernelProfile
    runs: list[HotRun]

    @property
    def covered(self) -> float:
        """The part of the kernel's cycles that the runs hold, waiting for memory left out."""
        return sum(run.share for run in self.runs)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return {
            **asdict(self.record),
            "kernel": self.kernel.to_json(),
            "covered": round(self.covered, 4),
            "runs": [run.to_json() for run in self.runs],
        }


def explain(artifact: Artifact, name: str, device: Device, *, everything: bool = False) -> Explanation:
    """The kernel, or the layer, `name` of `artifact` on a simulated `device`.

    With `everything`, all of the kernel's code. Raises UsageError if there is no such kernel or the device is
    not simulated, InvalidArtifactError if the artifact does not fit it, ArmletError if qemu, llvm-mca or a
    toolchain is missing.
    """
    if not isinstance(device, SimulatedDevice):
        raise UsageError(f"{device.uri} shows no cycles of its code: choose a simulated core, sim:CORE")
    profiled = profile(artifact, device)
    kernel = profiled.find(name)
    runs = hot_runs(kernel.cost, device.core, everything=everything)
    return Explanation(profiled.simulation.record, kernel, runs)
