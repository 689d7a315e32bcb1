"""The best of each kernel among the best of the others, in networks whose costs are made up."""

import pytest

from armlet.compiler.tuning import Database, Record, Task, Trial
from armlet.compiler.tuning.failures import Failures
from armlet.compiler.tuning.ranking import BEST, Ranking
from armlet.compiler.tuning.rounds import Rounds
from armlet.compiler.tuning.tasks import Costs
from armlet.errors import DeviceError

# What each of the candidates of each kernel costs by itself.
ALONE = ((10.0, 9.0, 9.5, 9.8, 12.0), (20.0, 21.0), (5.0,), (7.0, 6.0, 6.5))


def task(number, costs):
    trials = [
        Trial("made up", f"shape {number}", "cortex-a55", "fp32", 1, f'{{"number": {n}}}', "sim:cortex-a55")
        for n in range(len(costs))
    ]
    return Task(tuple(trials), (f"layer {number}",))


TASKS = [task(*each) for each in enumerate(ALONE)]


class Made:
    """A network in which a candidate, perhaps only beside others, may add to what the next kernel costs."""

    def __init__(self, path, added):
        self.added, self.rounds = added, []
        self.database = Database.open(path)
        failures = Failures(path, path.parent)
        self.run = Rounds(TASKS, self.database, "modelled_cycles", self.measure, 1, failures).run

    def measure(self, choice):
        taken = [each.trials.index(choice[each]) for each in TASKS]
        self.rounds.append(taken)
        costs = [ALONE[number][candidate] for number, candidate in enumerate(taken)]
        for (number, candidate, *others), more in self.added.items():
            if taken[number] == candidate and all(taken[other] == which for other, which in others):
                costs[number + 1] += more
        # Beside its calls a network costs something for itself.
        return Costs([*zip(TASKS, costs, strict=True)], sum(costs) + 1)


@pytest.fixture
def tuned(tmp_path):
    def run(added, path=tmp_path / "records.jsonl"):
        made = Made(path, added)
        tuning = made.run(None, lambda what, part, standing: None)
        best = [each.trials.index(each.best(made.database)) for each in TASKS]
        return made, tuning, best

    return run


def test_where_kernels_do_not_matter_to_each_other_the_best_remain(tuned):
    made, tuning, best = tuned({})
    assert best == [1, 0, 0, 1]
    assert (tuning.default_cost, tuning.tuned_cost) == (43.0, 41.0)
    # Five candidates at most, by default, the best; then the second and third of every other kernel.
    assert made.rounds[6:] == [[1, 0, 0, 1], [2, 0, 0, 1], [1, 1, 0, 2], [3, 0, 0, 1], [1, 0, 0, 0]]
    among = [record for record in made.database if record.trial.device == "sim:cortex-a55, among the best"]
    assert len(among) == sum(min(BEST, len(costs)) for costs in ALONE if len(costs) > 1)


def test_what_a_kernel_adds_to_the_next_one_counts(tuned):
    # The best of the first leaves the second one's map where it is slow to read.
    _, tuning, best = tuned({(0, 1): 2.0})
    assert best == [2, 0, 0, 1]
    assert tuning.tuned_cost == 41.5
    assert tuning.cost(TASKS[0].trials[2]) == 9.5


def test_what_gains_alone_but_not_together_is_not_taken(tuned):
    # The third of the first gains 0.5, the fourth 0.2, the other of the second 1; together 9 are lost.
    made, tuning, best = tuned({(0, 1): 1.0, (1, 0): 2.0, (0, 2, (1, 1)): 9.0})
    assert made.rounds[-2:] == [[2, 1, 0, 1], [3, 0, 0, 1]]
    assert (best, tuning.tuned_cost) == ([3, 0, 0, 1], pytest.approx(43.8))


def test_if_nothing_gains_together_the_best_remain(tuned):
    made, tuning, best = tuned({(0, 1): 0.7, (1, 0): 2.0, (0, 2, (1, 1)): 9.0})
    assert made.rounds[-1] == [2, 1, 0, 1]
    assert (best, tuning.tuned_cost) == ([1, 0, 0, 1], pytest.approx(43.7))


def test_what_gained_by_chance_is_not_taken(tmp_path):
    database, one = Database(tmp_path / "records.jsonl"), task(0, (10.0, 11.0, 12.0))
    database.keep(map(Record, one.trials, (10.0, 11.0, 12.0)))

    def measure(choice):
        cost = 10.0 + one.trials.index(choice[one])
        return Costs([(one, cost)], cost)

    ranking = Ranking.begin([one], database, measure)
    by_chance = [trial.among_the_best for trial in one.trials[1:]]
    database.keep(map(Record, by_chance, (9.0, 8.0)))
    assert ranking.settle(measure).whole == 10
    assert one.best(database) == one.trials[0]


def test_what_is_ranked_is_not_ranked_again(tuned, tmp_path):
    first, tuning, best = tuned({(0, 1): 2.0})
    text = first.database.path.read_text()
    second, again, _ = tuned({(0, 1): 2.0})
    assert second.rounds == [[0, 0, 0, 0], [1, 0, 0, 1], best]
    assert (again.measured, again.tuned_cost) == (0, tuning.tuned_cost)
    assert first.database.path.read_text() == text


def test_new_trials_are_ranked_with_all_others(tuned, tmp_path):
    first, *_ = tuned({(0, 1): 2.0})
    text = first.database.path.read_text()
    first.database.forget([TASKS[0].trials[3]])
    second, tuning, best = tuned({(0, 1): 2.0})
    assert (tuning.measured, best) == (1, [2, 0, 0, 1])
    assert len(second.rounds) == 1 + 1 + 5 + 1
    assert first.database.path.read_text() == text


# The rounds of a run by number: of trials, by default, with the best, of the ranking.
@pytest.mark.parametrize("lost", [1, 4, 7, 8, 10])
def test_what_is_lost_leaves_the_ranking_to_the_next_run(lost, tuned, tmp_path):
    undisturbed, *_ = tuned({(0, 1): 1.0, (1, 0): 2.0, (0, 2, (1, 1)): 9.0}, tmp_path / "undisturbed.jsonl")
    made = Made(tmp_path / "records.jsonl", undisturbed.added)
    measure, made.count = made.measure, 0

    def fails(choice):
        made.count += 1
        if made.count == lost + 1:
            raise DeviceError("the board is gone")
        return measure(choice)

    run = Rounds(
        TASKS, made.database, "modelled_cycles", fails, 1, Failures(made.database.path, tmp_path)
    ).run
    tuning = run(None, lambda what, part, standing: None)
    assert tuning.failures == {"the board is gone": 1}
    among = [record for record in made.database if record.trial.device.endswith(", among the best")]
    assert bool(among) == (lost >= 5)
    again, *_ = tuned(undisturbed.added, made.database.path)
    assert again.database.path.read_text() == undisturbed.database.path.read_text()
