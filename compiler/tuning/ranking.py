"""The best of each kernel again, in the network as it is tuned.

In a round of trials all kernels have other parameters than they will have. But a kernel finds in the caches
what those before it left there, so that the best of each need not be the best of all. In these rounds the
second or third best of every other kernel is among the best of the others; what that adds to its own calls,
and to those behind it up to the next that was changed, is what it costs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .database import Database, Record, Trial
from .tasks import Choice, Costs, Round, Task

# Trials of a kernel that are ranked again.
BEST = 3


@dataclass
class Ranking:
    """The ranking of trials among the `best`, with which the network has these `costs`."""

    database: Database
    best: Choice
    costs: Costs

    @classmethod
    def begin(
        cls, tasks: Sequence[Task], database: Database, measure: Callable[[Choice], Costs]
    ) -> "Ranking":
        """That of what was measured in rounds of trials."""
        best = {task: task.ranked(database)[0] for task in tasks}
        ranking = cls(database, best, measure(best))
        again = {task: best[task].among_the_best for task in tasks if ranking._others(task)}
        database.add(
            Record(trial, ranking.costs.of(task)) for task, trial in again.items() if trial not in database
        )
        return ranking

    def rounds(self) -> Iterator[Round]:
        """Those that measure what is not known."""
        for place in range(BEST - 1):
            for first in range(2):
                others = {task: self._others(task)[place:] for task in [*self.best][first::2]}
                tried = {task: trials[0] for task, trials in others.items() if trials}
                again = {task: trial.among_the_best for task, trial in tried.items()}
                wanted = {task: trial for task, trial in again.items() if trial not in self.database}
                if wanted:
                    yield Round({**self.best, **tried}, wanted)

    def costs_of(self, each: Round, costs: Costs) -> list[float]:
        """What calls of the trials wanted in a round cost."""
        added = self._added(each.choice, costs)
        return [self._known(task) + added[task] / len(task.layers) for task in each.wanted]

    def settle(self, measure: Callable[[Choice], Costs]) -> Costs:
        """The costs of the network with the best by this ranking, which are none that cost more together.

        If they do, what they add then is what they cost: of what adds up to more, something does not gain.
        """
        # In each turn some candidate is found to cost more than the best, and is not chosen again.
        for _ in range((BEST - 1) * len(self.best)):
            choice = {task: task.best(self.database) for task in self.best}
            wanted = {
                task: trial.among_the_best for task, trial in choice.items() if trial != self.best[task]
            }
            if not wanted:
                break
            costs = measure(choice)
            if costs.whole < self.costs.whole:
                return costs
            found = self.costs_of(Round(choice, wanted), costs)
            self.database.forget(wanted.values())
            self.database.add(map(Record, wanted.values(), found))
        return self.costs

    def _others(self, task: Task) -> list[Trial]:
        return task.ranked(self.database)[1:BEST]

    def _known(self, task: Task) -> float:
        record = self.database.record(self.best[task].among_the_best)
        assert record
        return record.cost

    def _added(self, choice: Choice, costs: Costs) -> dict[Task, float]:
        """What each kernel that is not the best adds to an inference; in all, what the network costs more."""
        added = {task: 0.0 for task, trial in choice.items() if trial != self.best[task]}
        latest = next(task for task, _ in costs.calls if task in added)
        for (task, cost), (_, before) in zip(costs.calls, self.costs.calls, strict=True):
            latest = task if task in added else latest
            added[latest] += cost - before
        added[latest] += costs.whole - self.costs.whole - sum(added.values())
        return added
