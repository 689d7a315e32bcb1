"""The gate on a simulated core: exact figures, held against a baseline."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..artifact import Artifact
from ..errors import InvalidBaselineError, UsageError
from ..inference import profile
from ..targets import SimulatedDevice
from .accuracy import check_accuracy
from .baseline import key_of, read_baseline, write_baseline
from .comparison import Comparison
from .figures import Figures
from .growth import check_growth, check_sizes
from .outcome import Check, GateResult, Outcome, Verdict
from .reasons import reasons

# Layers named as those that grew most, where the whole grew too much.
LISTED = 5
UNIT = "modelled cycles"


def check_baseline(
    artifacts: Sequence[Artifact],
    device: SimulatedDevice,
    baseline: Path,
    *,
    threshold: float = 0.01,
    update: bool = False,
) -> GateResult:
    """Hold `artifacts`, simulated on `device`, against the file `baseline`.

    A regression is a `threshold` (0.01 is one percent) more of cycles, of the whole or of a kernel, or of a
    size; or an output that has left the artifact's tolerance. With `update`, the figures of artifacts whose
    output is right become the baseline instead.

    Raises UsageError if two artifacts have the same name, InvalidBaselineError if the baseline is broken,
    lacks an artifact, or is of another core or yardstick, InvalidArtifactError if an artifact does not fit
    the device, ArmletError if qemu, llvm-mca or a toolchain is missing.
    """
    named = _by_key(artifacts)
    known = {} if update and not baseline.exists() else read_baseline(baseline)
    if not update and (unknown := named.keys() - known.keys()):
        raise InvalidBaselineError(
            f"{baseline} has no entry for {', '.join(sorted(unknown))}: add it with --update"
        )
    agreeing, verdicts = {}, []
    for key, artifact in named.items():
        now = Figures.of(artifact, profile(artifact, device))
        outputs = device.run(artifact.library, artifact.sample[0])
        checks, notes, comparison = [check_accuracy(artifact, outputs, device.core.name)], [], None
        if not update:
            notes = now.record.require_comparable(known[key].record)
            comparison = Comparison(known[key], now, threshold)
            checks += compare(comparison)
            if now.cycles < (1 - threshold) * known[key].cycles:
                notes.append("faster than the baseline: --update keeps it so")
        elif checks[0].outcome is Outcome.PASSED:
            agreeing[key] = now
            checks.append(_taken(now, known.get(key)))
        verdicts.append(Verdict(str(artifact.folder), key, checks, notes, comparison))
    if agreeing:
        write_baseline(baseline, known | agreeing)
    return GateResult(device.uri, str(baseline), verdicts)


def compare(comparison: Comparison) -> list[Check]:
    """The checks of cycles and sizes: of the whole, of the layers that grew too much, of each size."""
    before, now, threshold = comparison.before, comparison.now, comparison.threshold
    most = [
        f"{group.title}: {group.cycles - group.cycles_before:+,} cycles"
        for group in comparison.groups[:LISTED]
        if group.cycles > group.cycles_before
    ]
    checks = [check_growth("cycles", UNIT, before.cycles, now.cycles, threshold, most)]
    checks += [
        check_growth(group.title, UNIT, group.cycles_before, group.cycles, threshold, reasons(group))
        for group in comparison.grown
    ]
    if not comparison.grown:
        allowed = f"{100 * threshold:g}%"
        checks.append(Check("layers", Outcome.PASSED, f"none takes more than {allowed} more cycles"))
    return [*checks, *check_sizes(before.sizes, now.sizes, threshold)]


def _taken(now: Figures, before: Figures | None) -> Check:
    growth = f", before {before.cycles:,} ({now.cycles / before.cycles - 1:+.2%})" if before else ", new"
    return Check("baseline", Outcome.PASSED, f"{now.cycles:,} modelled cycles{growth}")


def _by_key(artifacts: Sequence[Artifact]) -> Mapping[str, Artifact]:
    named: dict[str, Artifact] = {}
    for artifact in artifacts:
        key = key_of(artifact)
        if key in named:
            raise UsageError(
                f"{named[key].folder} and {artifact.folder} are both {key}: compile one with another --name"
            )
        named[key] = artifact
    return named
