"""What the gate says: checks, each passed or not, of artifacts, with the exit code that this makes."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Outcome(StrEnum):
    """From good to bad."""

    PASSED = "passed"
    INCONCLUSIVE = "inconclusive"
    REGRESSION = "regression"

    @property
    def exit_code(self) -> int:
        """Of the command line."""
        return {"passed": 0, "inconclusive": 4, "regression": 3}[self]

    @classmethod
    def worst(cls, outcomes: Sequence["Outcome"]) -> "Outcome":
        """The worst of several, passed if there are none."""
        return max(outcomes, key=list(cls).index, default=cls.PASSED)


@dataclass(frozen=True)
class Check:
    """One thing that was checked: what was found in one line, and the reasons for it."""

    name: str
    outcome: Outcome
    summary: str
    details: Sequence[str] = ()


class Evidence(Protocol):
    """What the checks of an artifact were made on."""

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""


@dataclass(frozen=True)
class Verdict:
    """The checks of the artifact in `folder`, called `name`; `notes` say what else there is to know."""

    folder: str
    name: str
    checks: Sequence[Check]
    notes: Sequence[str] = ()
    evidence: Evidence | None = None

    @property
    def outcome(self) -> Outcome:
        """That of the worst check."""
        return Outcome.worst([check.outcome for check in self.checks])

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return {
            "folder": self.folder,
            "name": self.name,
            "outcome": self.outcome,
            "checks": [{**vars(check), "details": list(check.details)} for check in self.checks],
            "notes": list(self.notes),
            **(self.evidence.to_json() if self.evidence else {}),
        }


@dataclass(frozen=True)
class GateResult:
    """The verdicts on artifacts that ran on `device`, held `against` a baseline or another artifact."""

    device: str
    against: str
    verdicts: Sequence[Verdict]

    @property
    def outcome(self) -> Outcome:
        """That of the worst verdict."""
        return Outcome.worst([verdict.outcome for verdict in self.verdicts])

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return {
            "device": self.device,
            "against": self.against,
            "outcome": self.outcome,
            "artifacts": [verdict.to_json() for verdict in self.verdicts],
        }
