"""Trials in rounds: in each, every kernel of a network has its next candidate, all measured at once.

So a kernel is measured where it will work: inside the whole network, its weights cold, its map where the
kernel before has left it. What is around it in a round does not depend on what was measured before a run was
ended: the same rounds give the same records.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice

from ...errors import ArmletError
from ...threads import side_by_side
from .database import Database, Record
from .failures import Failures
from .ranking import Ranking
from .standing import Progress, Standing, Tuning
from .tasks import Choice, Costs, Round, Task

# Rounds that fail one after the other before a run gives up.
FAILURES = 3


@dataclass
class Rounds:
    """The rounds of a run: `measure`, whose costs are in `unit`, is called by so many `workers` at once.

    A round's records are in the file when it ends: a run that is ended in any way goes on from there. Of the
    rounds so many have `failed`.
    """

    tasks: Sequence[Task]
    database: Database
    unit: str
    measure: Callable[[Choice], Costs]
    workers: int
    failures: Failures
    failed: int = 0

    def run(self, most: int | None, progress: Progress) -> Tuning:
        """Measure what the database does not know, at most so many trials, then what it comes to.

        Raises the last one's error when FAILURES rounds fail one after the other.
        """
        measured = self.measure_trials(most, progress)
        progress("the network by default, and with the best of its kernels", 1.0, self.standing)
        default = self.measure({task: task.trials[0] for task in self.tasks})
        tuned = self.rank(progress)
        self.database.tidy()
        return Tuning(
            self.tasks, self.database, self.unit, measured, default.whole, tuned.whole, self.failures.reasons
        )

    def rank(self, progress: Progress) -> Costs:
        """Rank the best of each kernel again; returns the costs of the network with what is best then.

        Where rounds failed, that is left to the next run, which measures what is missing first: the same
        trials give the same ranking.
        """
        if not self.failed:
            ranking = Ranking.begin(self.tasks, self.database, self.measure)
            self.take([*ranking.rounds()], ranking.costs_of, progress, " to rank the best again")
            progress("the network with what is best together", 1.0, self.standing)
            if not self.failed:
                return ranking.settle(self.measure)
        return self.measure({task: task.best(self.database) for task in self.tasks})

    @property
    def standing(self) -> Standing:
        """What is known by now."""
        return Standing(self.tasks, self.database, self.unit)

    def measure_trials(self, most: int | None, progress: Progress) -> int:
        """Measure what the database does not know, at most so many trials; returns how many were.

        Raises the last one's error when FAILURES rounds fail one after the other.
        """
        planned = [*self._planned(most)]
        if planned:
            # There may be other best ones.
            self.database.forget(trial.among_the_best for task in self.tasks for trial in task.trials)
        return self.take(planned, lambda each, costs: map(costs.of, each.wanted), progress)

    def take(
        self,
        rounds: Sequence[Round],
        costs_of: Callable[[Round, Costs], Iterable[float]],
        progress: Progress,
        purpose: str = "",
    ) -> int:
        """Measure `rounds`, and keep the costs of the trials wanted; returns how many were measured.

        Raises the last one's error when FAILURES rounds fail one after the other.
        """
        self.failures.none()
        waiting, running = iter(rounds), dict[Future[Costs], Round]()
        behind, measured = 0, 0
        with side_by_side(self.workers) as pool:
            while True:
                left = sum(len(each.wanted) for each in rounds) - measured
                progress(f"{left} trials left{purpose}", behind / (len(rounds) + 1), self.standing)
                for each in islice(waiting, self.workers - len(running)):
                    running[pool.submit(self.measure, each.choice)] = each
                if not running:
                    return measured
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    each = running.pop(future)
                    behind += 1
                    try:
                        costs = costs_of(each, future.result())
                    except ArmletError as error:
                        self.failed += 1
                        self.failures.add(error, "rounds", FAILURES)
                        continue
                    self.failures.none()
                    self.database.add(map(Record, each.wanted.values(), costs))
                    measured += len(each.wanted)

    def _planned(self, most: int | None) -> Iterator[Round]:
        """The rounds that measure what is not known, at most so many trials."""
        defaults, planned = {task: task.trials[0] for task in self.tasks}, 0
        for number in range(max((len(task.trials) for task in self.tasks), default=0)):
            tried = {task: task.trials[number] for task in self.tasks if number < len(task.trials)}
            wanted = [item for item in tried.items() if item[1] not in self.database]
            wanted = wanted[: None if most is None else most - planned]
            planned += len(wanted)
            if wanted:
                yield Round(defaults | tried, dict(wanted))
