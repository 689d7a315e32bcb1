"""What is tuned: the kernels of a network, each with the trials that it has, and what calls of them cost."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from ..program import Program
from .database import Database, Trial


@dataclass(frozen=True)
class Task:
    """A kernel to be tuned: its `trials`, the default first. Each of `layers` has it as its call `number`."""

    trials: Sequence[Trial]
    layers: Sequence[str]
    number: int = 0

    @property
    def kernel(self) -> str:
        """The name of its template."""
        return self.trials[0].kernel

    def ranked(self, database: Database) -> list[Trial]:
        """What has been measured in rounds of trials, cheapest first; the default before anything was."""
        known = [record for trial in self.trials if (record := database.record(trial))]
        return [record.trial for record in sorted(known, key=lambda record: record.cost)] or [self.trials[0]]

    def best(self, database: Database) -> Trial:
        """The cheapest of those measured among the best of other kernels, if any were, else of all."""
        ranked = self.ranked(database)
        again = {trial: record.cost for trial in ranked if (record := database.record(trial.among_the_best))}
        return min(again, key=again.__getitem__) if again else ranked[0]


Choice = Mapping[Task, Trial]


class Round(NamedTuple):
    """Parameters for all kernels, and which of them are measured for the first time."""

    choice: Choice
    wanted: Mapping[Task, Trial]


class Costs(NamedTuple):
    """Of an inference, and of its calls, each with the task whose kernel it is: cycles, or nanoseconds."""

    calls: Sequence[tuple[Task | None, float]]
    whole: float

    @classmethod
    def of_calls(
        cls, tasks: Iterable[Task], program: Program, costs: Iterable[float], whole: float
    ) -> "Costs":
        """Those of all calls of `program`, of which a layer's first are its own.

        Others of that name are transpositions of what it puts out.
        """
        own = {(layer, task.number): task for task in tasks for layer in task.layers}
        seen: Counter[str] = Counter()
        calls = []
        for call, cost in zip(program.calls, costs, strict=True):
            calls.append((own.get((call.layer, seen[call.layer])), float(cost)))
            seen[call.layer] += 1
        return cls(calls, whole)

    def of(self, task: Task) -> float:
        """What a call of its kernel costs."""
        return fmean(cost for each, cost in self.calls if each == task)
