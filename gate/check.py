"""Which gate a device has: exact figures where it is simulated."""

from collections.abc import Sequence
from pathlib import Path

from ..artifact import Artifact
from ..errors import UsageError
from ..targets import Device, SimulatedDevice
from .outcome import GateResult
from .simulated import check_baseline


def check(
    artifacts: Sequence[Artifact],
    device: Device,
    *,
    baseline: Path | None = None,
    update: bool = False,
    threshold: float | None = None,
) -> GateResult:
    """Hold `artifacts` on a simulated `device` against the file `baseline`, or `update` that.

    `threshold` is in percent. Raises as `check_baseline` does, and UsageError if the device is not simulated.
    """
    if not isinstance(device, SimulatedDevice):
        raise UsageError(f"{device.uri} gives no exact figures to hold against a baseline: use sim:CORE")
    if not baseline:
        raise UsageError(f"{device.uri} is held against a file: name it with --baseline")
    percent = 1.0 if threshold is None else threshold
    return check_baseline(artifacts, device, baseline, threshold=percent / 100, update=update)
