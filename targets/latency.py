"""How long a network takes on a real device."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from .devices import Device


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
        raise UsageError(f"{device.uri} gives right results, and no times: use host, rpc:// or tracker://")


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
