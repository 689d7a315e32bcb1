"""Trials in rounds: in each, every kernel of a network has its next candidate, all measured at once.

So a kernel is measured where it will work: inside the whole network, its weights cold, its map where the
kernel before has left it. What is around it in a round does not depend on what was measured before a run was
ended: the same rounds give the same records.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from ...errors import ArmletError
from ...threads import side_by_side
from .database import Database, Record, Trial
from .standing import Progress, Standing, Tuning
from .tasks import Choice, Costs, Task

# Rounds that fail one after the other before a run gives up.
FAILURES = 3


class Round(NamedTuple):
    """Parameters for all kernels, and which of them are measured for the first time."""

    choice: Choice
    wanted: Sequence[tuple[Task, Trial]]


@dataclass
class Rounds:
    """The rounds of a run: `measure`, whose costs are in `unit`, is called by so many `workers` at once.

    A round's records are in the file when it ends: a run that is ended in any way goes on from there.
    """

    tasks: Sequence[Task]
    database: Database
    unit: str
    measure: Callable[[Choice], Costs]
    workers: int
    failures: dict[str, int] = field(default_factory=dict)

    def run(self, most: int | None, progress: Progress) -> Tuning:
        """Measure what the database does not know, at most so many trials, then what it comes to.

        Raises the last one's error when FAILURES rounds fail one after the other.
        """
        measured = self.measure_trials(most, progress)
        progress("the whole network", 1.0, self.standing)
        default = self.measure({task: task.trials[0] for task in self.tasks})
        tuned = self.measure({task: task.best(self.database) for task in self.tasks})
        self.database.tidy()
        return Tuning(
            self.tasks, self.database, self.unit, measured, default.whole, tuned.whole, self.failures
        )

    @property
    def standing(self) -> Standing:
        """What is known by now."""
        return Standing(self.tasks, self.database, self.unit)

    def measure_trials(self, most: int | None, progress: Progress) -> int:
        """Measure what the database does not know, at most so many trials; returns how many were.

        Raises the last one's error when FAILURES rounds fail one after the other.
        """
        planned = [*self._planned(most)]
        rounds, running = iter(planned), dict[Future[Costs], Round]()
        behind, measured, in_a_row = 0, 0, 0
        with side_by_side(self.workers) as pool:
            while True:
                left = sum(len(each.wanted) for each in planned) - measured
                progress(f"{left} trials left", behind / (len(planned) + 1), self.standing)
                for each in islice(rounds, self.workers - len(running)):
                    running[pool.submit(self.measure, each.choice)] = each
                if not running:
                    return measured
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    wanted = running.pop(future).wanted
                    behind += 1
                    try:
                        costs = future.result().of_tasks
                    except ArmletError as error:
                        in_a_row += 1
                        self._fail(error, in_a_row)
                        continue
                    in_a_row = 0
                    self.database.add(Record(trial, costs[task]) for task, trial in wanted)
                    measured += len(wanted)

    def _planned(self, most: int | None) -> Iterator[Round]:
        """The rounds that measure what is not known, at most so many trials."""
        defaults, planned = {task: task.trials[0] for task in self.tasks}, 0
        for number in range(max((len(task.trials) for task in self.tasks), default=0)):
            tried = {task: task.trials[number] for task in self.tasks if number < len(task.trials)}
            wanted = [item for item in tried.items() if item[1] not in self.database]
            wanted = wanted[: None if most is None else most - planned]
            planned += len(wanted)
            if wanted:
                yield Round(defaults | tried, wanted)

    def _fail(self, error: ArmletError, in_a_row: int) -> None:
        self.failures[str(error)] = self.failures.get(str(error), 0) + 1
        if in_a_row == FAILURES:
            raise type(error)(
                f"{in_a_row} rounds failed one after the other, the last: {error}; what was measured is in "
                f"{self.database.path}, and the same command goes on from there"
            ) from error
