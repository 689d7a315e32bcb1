"""What every device can do, however it is reached."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ...errors import DeviceError
from ..board import Board
from ..cores import Core


class Program(Protocol):
    """A model loaded on a device."""

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs of the function `main` for `inputs`."""

    def time(self, inputs: Sequence[np.ndarray], *, warm_up: int, rounds: int) -> list[float]:
        """The seconds of each of `rounds` runs after `warm_up` more, measured on the device.

        Raises UsageError if the device's time means nothing, because it is emulated.
        """

    def ticks(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """How many ticks of the processor's counter each call of a kernel took, in one run.

        Raises UsageError as `time` does.
        """

    def time_calls(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The seconds of each call of a kernel in one run, each with a reading of that counter.

        Raises UsageError as `time` does.
        """


class Session(Protocol):
    """The use of a device, by one client at a time."""

    def load(self, library: Path) -> Program:
        """Bring `library`, a module of TVM's Relax VM, to the device and load it.

        Raises InvalidArtifactError if the device cannot load it.
        """

    def loading(self, library: Path) -> Callable[[], float]:
        """Bring a copy of `library` to the device. Each call loads it anew, LOADS times, from its page cache.

        It says how many seconds the fastest took, by the device's own clock. Raises as `load` does, and
        DeviceError if the device cannot tell.
        """

    def board(self) -> Board | None:
        """What the device shows of itself at this moment; None if it is not told."""

    def pin(self, cpus: Sequence[int]) -> None:
        """Run what is loaded on these of the device's processors only, as long as the session lasts.

        Raises DeviceError if they are offline, or the device cannot be told.
        """


# Of a library in a call of what `loading` gives: other work makes some of them slower.
LOADS = 10


@dataclass(frozen=True)
class Report:
    """What there is to know about a device that can be used; `board` is None if it is not told."""

    note: str
    board: Board | None = None


def cannot_pin(uri: str, cpus: Sequence[int], reason: str) -> DeviceError:
    """The error for processors that nothing can be made to run on."""
    numbers = ", ".join(map(str, cpus))
    return DeviceError(f"{uri} cannot run on processor {numbers}: {reason}: choose others with --cpus")


class Device(Protocol):
    """A processor to run a model on. Whatever fails between it and us is a DeviceError of one line."""

    @property
    def uri(self) -> str:
        """The name by which `open_device` gave it."""

    @property
    def core(self) -> Core | None:
        """Its core, where that is known without connecting."""

    @property
    def measures_time(self) -> bool:
        """Whether it can time a run; an emulated device cannot."""

    def check(self) -> Report:
        """What there is to know about it; raises ArmletError saying why it cannot be used now."""

    def count(self) -> int:
        """How many sessions there can be at once."""

    def connect(self) -> AbstractContextManager[Session]:
        """Begin a session; it ends with the block, whatever happens in it."""
