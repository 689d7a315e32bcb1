"""The gate on a real device: times beside those of another artifact, which runs in turns with the first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..artifact import Artifact
from ..inference import check_features, check_fit
from ..targets import (
    AS_USUAL,
    Conditions,
    Device,
    PairedTimes,
    Watch,
    measure_in_turns,
)
from .accuracy import check_accuracy
from .baseline import key_of
from .growth import check_sizes, sizes_of
from .outcome import Check, GateResult, Outcome, Verdict

# A library is loaded once, in a fraction of a millisecond: nobody notices one more.
LOAD_THRESHOLD, LOAD_FLOOR_MS = 1.25, 1.0


def check_in_turns(
    pairs: Sequence[tuple[Artifact, Artifact]],
    against: str,
    device: Device,
    *,
    threshold: float,
    rounds: int,
    conditions: Conditions = AS_USUAL,
) -> GateResult:
    """Run two artifacts of each pair on `device`, in turns, in one session: one that was and one that is.

    A regression is a latency past `threshold`, a ratio, as `PairedTimes` finds it; a size past it; or an
    output that has left the artifact's tolerance. Where times tell nothing, because they spread or the device
    throttled for longer than `conditions` allow to wait, the outcome is inconclusive. `against` is what
    reports call those that were.

    Raises UsageError if the device is emulated, InvalidArtifactError if an artifact does not fit it,
    DeviceError if it cannot be reached or is lost.
    """
    for pair in pairs:
        for artifact in pair:
            check_fit(artifact, device)
    verdicts = [
        _verdict(artifact, before, device, threshold, rounds, conditions) for before, artifact in pairs
    ]
    return GateResult(device.uri, against, verdicts)


@dataclass(frozen=True)
class Times:
    """The times of a check, as they were measured, and what they tell: of inferences, and of loading."""

    paired: PairedTimes
    loads: PairedTimes
    watch: Watch

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists and numbers."""
        paired, loads = self.paired, self.loads
        return {
            **paired.to_json(),
            "samples_ms": {"before": list(paired.before_ms), "now": list(paired.now_ms)},
            "load": loads.to_json(),
            "load_ms": {"before": list(loads.before_ms), "now": list(loads.now_ms)},
            "conditions": self.watch.to_json(),
        }


def _verdict(
    artifact: Artifact,
    against: Artifact,
    device: Device,
    threshold: float,
    rounds: int,
    conditions: Conditions,
) -> Verdict:
    both = (against, artifact)
    with device.connect() as session:
        for each in both:
            check_features(each, session.board(), device.uri)
        programs = [session.load(each.library) for each in both]
        inputs = [[each.sample[0]] for each in both]
        outputs = programs[1].run(inputs[1])
        before, now, load_before, load_now = measure_in_turns(
            session,
            programs,
            inputs,
            [session.loading(each.library) for each in both],
            core=artifact.manifest["target"]["core"],
            rounds=rounds,
            conditions=conditions,
        )
    watch = now.watch
    paired = PairedTimes(before.samples_ms, now.samples_ms, threshold)
    loads = PairedTimes(load_before.samples_ms, load_now.samples_ms, LOAD_THRESHOLD, LOAD_FLOOR_MS)
    checks = [
        check_accuracy(artifact, outputs, device.uri),
        check_times("latency", paired, watch.doubts),
        check_times("load", loads, watch.doubts),
        *check_sizes(sizes_of(against), sizes_of(artifact), threshold - 1),
    ]
    same = key_of(artifact) == key_of(against)
    notes = [] if same else [f"held against another network, target or precision: {key_of(against)}"]
    evidence = Times(paired, loads, watch)
    return Verdict(str(artifact.folder), key_of(artifact), checks, [*notes, *watch.notes], evidence)


def check_times(name: str, paired: PairedTimes, doubts: Sequence[str] = ()) -> Check:
    """Whether the times are past the threshold; `doubts` are why the device was not fit to tell."""
    before, now = paired.medians_ms
    found = (
        f"{before:.3f} to {now:.3f} ms by the medians of {len(paired.now_ms)} rounds, "
        f"{paired.ratio - 1:+.1%} by their ratios"
    )
    if reasons := [*doubts, *filter(None, [paired.doubt])]:
        return Check(name, Outcome.INCONCLUSIVE, found, reasons)
    if paired.is_slower:
        found += f", at most {100 * (paired.threshold - 1):+.3g}% allowed"
        chance = f"chance does as much with a probability of {paired.chance:.1g}"
        return Check(name, Outcome.REGRESSION, found, [chance])
    if paired.is_negligible:
        found += f"; a difference of less than {paired.floor_ms:g} ms does not count"
    return Check(name, Outcome.PASSED, found)
