"""What is tuned: the kernels of a network, each with the trials that it has, and what calls of them cost."""

from collections import defaultdict
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

    def pending(self, database: Database) -> list[Trial]:
        """What has not been measured yet."""
        return [trial for trial in self.trials if trial not in database]

    def best(self, database: Database) -> Trial:
        """The cheapest of what has been measured; the default before anything was."""
        known = [record for trial in self.trials if (record := database.record(trial))]
        return min(known, key=lambda record: record.cost).trial if known else self.trials[0]


Choice = Mapping[Task, Trial]


class Costs(NamedTuple):
    """Of a call of each task's kernel, and of an inference: modelled cycles, or nanoseconds."""

    of_tasks: Mapping[Task, float]
    whole: float


def by_task(choice: Choice, program: Program, calls: Iterable[float]) -> dict[Task, float]:
    """What tasks cost, from the costs of all calls: a layer's first are its own.

    Others of that name are transpositions of what it puts out.
    """
    of_layers: defaultdict[str, list[float]] = defaultdict(list)
    for call, cost in zip(program.calls, calls, strict=True):
        of_layers[call.layer].append(float(cost))
    return {task: fmean(of_layers[layer][task.number] for layer in task.layers) for task in choice}
