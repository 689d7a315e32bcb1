"""Which gate a device has: exact figures where it is simulated, else times beside another artifact's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..artifact import Artifact
from ..errors import UsageError
from ..targets import AS_USUAL, Conditions, Device, SimulatedDevice, require_clock
from .in_turns import check_in_turns
from .outcome import GateResult
from .revision import rebuilt
from .simulated import check_baseline

ROUNDS = 30


def check(
    artifacts: Sequence[Artifact],
    device: Device,
    *,
    baseline: Path | None = None,
    update: bool = False,
    against: Path | str | None = None,
    threshold: float | None = None,
    rounds: int | None = None,
    conditions: Conditions = AS_USUAL,
) -> GateResult:
    """Check `artifacts` on `device`.

    A simulated device wants a file `baseline`, or makes it with `update`. On any other the artifacts run
    `against` one in a folder, or each against what it is at a git revision, in so many `rounds` (30 if None).
    `threshold` is in percent: 1 on a simulated device and 3 on others if None; `conditions` are for
    others. Raises as `check_baseline`, `check_in_turns` and `rebuilt` do, UsageError if the device wants
    something else.
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
    require_clock(device)
    percent = 3.0 if threshold is None else threshold
    with _others(artifacts, against) as others:
        pairs = list(zip(others, artifacts, strict=True))
        return check_in_turns(
            pairs,
            str(against),
            device,
            threshold=1 + percent / 100,
            rounds=rounds or ROUNDS,
            conditions=conditions,
        )


@contextmanager
def _others(artifacts: Sequence[Artifact], against: Path | str) -> Iterator[list[Artifact]]:
    """What each of `artifacts` is held against."""
    if Path(against).is_dir():
        yield [Artifact.open(Path(against))] * len(artifacts)
    else:
        with rebuilt(artifacts, str(against)) as others:
            yield others
