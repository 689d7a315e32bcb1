"""How long a network takes on a real device."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ..errors import UsageError
from .devices import Device, Program, Session

# Enough that one interruption does not decide a turn.
RUNS_A_TURN = 5


@dataclass(frozen=True)
class Latency:
    """The rounds of one measurement, in milliseconds, in the order in which they were run."""

    samples_ms: list[float]

    def to_json(self) -> dict[str, Any]:
        """The samples."""
        return {"samples_ms": self.samples_ms}

    def percentile(self, percent: float) -> float:
        """The time that `percent` of the rounds stayed within."""
        return float(np.percentile(self.samples_ms, percent))


def require_clock(device: Device) -> None:
    """Raise UsageError if `device` is emulated: its time would say nothing of a core's."""
    if not device.measures_time:
        raise UsageError(f"{device.uri} gives right results, and no times: use a real one")


def measure(
    device: Device, library: Path, inputs: Sequence[np.ndarray], *, warm_up: int = 5, rounds: int = 50
) -> Latency:
    """Time `library` on `device`, one thread, by the device's own clock.

    Raises UsageError if the device is emulated, DeviceError if it cannot be reached or is lost.
    """
    require_clock(device)
    with device.connect() as session:
        seconds = session.load(library).time(inputs, warm_up=warm_up, rounds=rounds)
    return Latency([1000 * second for second in seconds])


def measure_loads_in_turns(session: Session, libraries: Sequence[Path], *, rounds: int) -> list[Latency]:
    """Load several libraries, in each round all of them, each round in the opposite order.

    None may be loaded already. Raises as `Session.load` does.
    """
    samples: list[list[float]] = [[] for _ in libraries]
    turns = list(zip(map(session.loading, libraries), samples, strict=True))
    for _ in range(rounds):
        for seconds, times in turns:
            times.append(1000 * seconds())
        turns.reverse()
    return list(map(Latency, samples))


def measure_in_turns(
    programs: Sequence[Program], inputs: Sequence[Sequence[np.ndarray]], *, rounds: int
) -> list[Latency]:
    """Time several programs of one device: in each round all of them, each round in the opposite order.

    Each turn runs a program RUNS_A_TURN times, the caches warmed, and its time is their median. Raises as
    `Program.time` does.
    """
    samples: list[list[float]] = [[] for _ in programs]
    turns = list(zip(programs, inputs, samples, strict=True))
    for _ in range(rounds):
        for program, arrays, times in turns:
            times.append(1000 * median(program.time(arrays, warm_up=1, rounds=RUNS_A_TURN)))
        turns.reverse()
    return list(map(Latency, samples))
