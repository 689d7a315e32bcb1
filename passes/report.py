"""What a run of the passes changed, refused and proved."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Refusal:
    """A site that a pass recognised and left as it was."""

    node: str
    reason: str


@dataclass(frozen=True)
class PassReport:
    """The sites of one pass, and how far the worst of its rewrites is off, relative to its output's range."""

    name: str
    rewritten: int
    refused: tuple[Refusal, ...]
    worst_error: float
    worst_site: str | None

    @property
    def found(self) -> int:
        """Sites recognised: rewritten or refused."""
        return self.rewritten + len(self.refused)


@dataclass(frozen=True)
class Report:
    """Every pass in its order, and the whole network against the original.

    Errors are the largest absolute difference divided by the range of the original's output. `large_error`
    is None where a comparison on large inputs means nothing; `large_skipped` then says why.
    """

    target: str
    passes: tuple[PassReport, ...]
    tolerance: float
    random_error: float
    large_error: float | None
    large_skipped: str | None = None

    @property
    def worst_error(self) -> float:
        """The worst error of the whole network."""
        return max(self.random_error, self.large_error or 0.0)

    def to_json(self) -> dict[str, Any]:
        """The report as plain dictionaries, lists, strings and numbers."""
        passes = [{**asdict(entry), "found": entry.found} for entry in self.passes]
        for entry in passes:
            entry["refused"] = list(entry["refused"])
        return {**asdict(self), "passes": passes, "worst_error": self.worst_error}
