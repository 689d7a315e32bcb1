"""What is known of a network's kernels: while a run goes on, and when it has ended."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .database import Database, Trial
from .tasks import Task


class KernelStanding(NamedTuple):
    """A kernel of `layers`: what a call of it costs by default, and with the `parameters` best so far."""

    kernel: str
    layers: Sequence[str]
    default: float | None
    best: float | None
    parameters: str


@dataclass(frozen=True)
class Standing:
    """What `database` knows of a network's `tasks`; costs are in `unit`."""

    tasks: Sequence[Task]
    database: Database
    unit: str

    def cost(self, trial: Trial) -> float | None:
        """What a call costs, if it was measured."""
        record = self.database.record(trial)
        return record.cost if record else None

    @property
    def kernels(self) -> list[KernelStanding]:
        """The kernels, those first that cost most by default."""
        found = []
        for task in self.tasks:
            best = task.best(self.database)
            costs = self.cost(task.trials[0]), self.cost(best)
            found.append(KernelStanding(task.kernel, task.layers, *costs, best.parameters))
        return sorted(found, key=lambda kernel: -(kernel.default or 0))

    @property
    def sums(self) -> tuple[float, float]:
        """What all calls of the kernels measured by now cost, by default and with the best so far."""
        known = [
            (len(kernel.layers), kernel.default, kernel.best)
            for kernel in self.kernels
            if kernel.default is not None and kernel.best is not None
        ]
        return sum(calls * cost for calls, cost, _ in known), sum(calls * cost for calls, _, cost in known)


# Called with what a run is at, the part of that which is behind, and what is known of the kernels by then.
Progress = Callable[[str, float, Standing | None], None]


@dataclass(frozen=True)
class Tuning(Standing):
    """How it stands after a run that measured so many trials.

    The costs are those of a whole inference, by default and with the best of all that was measured.
    `failures` says why trials failed, and how often; `order` is that in which they were taken.
    """

    measured: int
    default_cost: float
    tuned_cost: float
    failures: Mapping[str, int]
    order: str = "as listed"

    def to_json(self) -> dict[str, Any]:
        """The kernels with the costs of their calls, costliest first, and the figures of the run."""
        return {
            "trials_measured": self.measured,
            "order": self.order,
            "failures": dict(self.failures),
            f"default_{self.unit}": round(self.default_cost),
            f"tuned_{self.unit}": round(self.tuned_cost),
            "kernels": [
                {
                    "kernel": kernel.kernel,
                    "layers": [*kernel.layers],
                    f"default_{self.unit}": kernel.default,
                    f"tuned_{self.unit}": kernel.best,
                    "parameters": json.loads(kernel.parameters),
                }
                for kernel in self.kernels
            ],
        }
