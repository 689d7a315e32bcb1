"""Which gate a device has: exact figures where it is simulated, else times beside another artifact's."""

from collections.abc import Sequence
from pathlib import Path

from ..artifact import Artifact
from ..errors import UsageError
from ..targets import Device, SimulatedDevice
from .in_turns import check_in_turns
from .outcome import GateResult
from .simulated import check_baseline

ROUNDS = 30


def check(
    artifacts: Sequence[Artifact],
    device: Device,
    *,
    baseline: Path | None = None,
    update: bool = False,
    against: Path | None = None,
    threshold: float | None = None,
    rounds: int | None = None,
) -> GateResult:
    """Check `artifacts` on `device`.

    A simulated device wants a file `baseline`, or makes it with `update`; any other the folder of an artifact
    `against` which the others run, in so many `rounds` (30 if None). `threshold` is in percent: 1 on a
    simulated device and 3 on others if None. Raises as `check_baseline` and `check_in_turns` do, UsageError
    if the device wants something else.
    """
    if isinstance(device, SimulatedDevice):
        if against or rounds or not baseline:
            raise UsageError(
                f"{device.uri} is exact, and held against a file: use --baseline, not --against or --rounds"
            )
        percent = 1.0 if threshold is None else threshold
        return check_baseline(artifacts, device, baseline, threshold=percent / 100, update=update)
    if baseline or update or not against:
        raise UsageError(
            f"times on {device.uri} are only compared within a run: use --against, not --baseline or --update"
        )
    percent = 3.0 if threshold is None else threshold
    return check_in_turns(
        artifacts, Artifact.open(against), device, threshold=1 + percent / 100, rounds=rounds or ROUNDS
    )
