"""Figures that may grow by a threshold, and no further: cycles and sizes."""

from collections.abc import Mapping, Sequence

from ..artifact import Artifact
from .outcome import Check, Outcome

# Of an artifact's memory.
SIZES = ("library_bytes", "weights_bytes", "workspace_bytes")


def exceeds(before: int, now: int, threshold: float) -> bool:
    """Whether `now` is past what `threshold` allows: at 0.01, one percent more."""
    return now > before * (1 + threshold)


def check_growth(
    name: str, unit: str, before: int, now: int, threshold: float, reasons: Sequence[str] = ()
) -> Check:
    """A figure before and now; the `reasons` are given if it grew too much."""
    too_much = exceeds(before, now, threshold)
    growth = f" ({now / before - 1:+.2%})" if before else ""
    allowed = f", at most +{100 * threshold:g}% allowed" if too_much else ""
    return Check(
        name,
        Outcome.REGRESSION if too_much else Outcome.PASSED,
        f"{before:,} to {now:,} {unit}{growth}{allowed}",
        reasons if too_much else (),
    )


def sizes_of(artifact: Artifact) -> dict[str, int]:
    """The sizes that are checked, in bytes."""
    memory = artifact.memory
    return {name: memory[name] for name in SIZES}


def check_sizes(before: Mapping[str, int], now: Mapping[str, int], threshold: float) -> list[Check]:
    """The checks of the sizes that both have."""
    return [
        check_growth(name.removesuffix("_bytes"), "bytes", before[name], now[name], threshold)
        for name in now
        if name in before
    ]
