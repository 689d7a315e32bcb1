"""What is tuned, and how far defaults are from the best."""

import json
import pickle

import pytest

from armlet.benchmarks import defaults
from armlet.benchmarks.defaults import jobs, ship, templates
from armlet.compiler.kernels import DENSE, DEPTHWISE
from armlet.compiler.tuning import Database, Record, Task, Trial, Tuning


@pytest.fixture
def tuning(tmp_path):
    database, tasks = Database(tmp_path / "records.jsonl"), []
    for template, *costs in ((DENSE, 10.0, 8.0), (DENSE, 30.0, 30.0), (DEPTHWISE, 5.0)):
        shape = f"{template.name}{len(tasks)}"
        trials = [
            Trial(template.name, shape, "cortex-a55", "fp32", 1, f'{{"number": {number}}}', "sim:cortex-a55")
            for number in range(len(costs))
        ]
        database.add(map(Record, trials, costs))
        tasks.append(Task(trials, [shape]))
    return Tuning(tasks, database, "modelled_cycles", len(tasks), 45.0, 43.0, {})


def test_defaults_over_the_best(tuning):
    assert [*templates([tuning])] == [
        ("dense", "2", "1.053", "1.25"),
        ("depthwise", "1", "1.000", "1.00"),
    ]


def test_cores_that_compute_in_half_precision_are_tuned_for_it():
    assert {job.core for job in jobs() if job.precision == "fp16"} == {"cortex-a55", "cortex-a76"}
    assert len(jobs()) == len({*jobs()}) == 18


def test_what_was_found_goes_from_process_to_process(tuning):
    found = pickle.loads(pickle.dumps(tuning))
    assert found.tasks == tuning.tasks
    assert [*found.database] == [*tuning.database]


def test_what_ships_is_what_is_best_in_the_tuned_network(tuning, tmp_path, monkeypatch):
    monkeypatch.setattr(defaults, "SHIPPED", tmp_path / "shipped.jsonl")
    for task in tuning.tasks[:2]:
        again = [trial.among_the_best for trial in task.trials]
        tuning.database.add(map(Record, again, (20.0, 21.0)))
    ship([tuning])
    shipped = [json.loads(line) for line in (tmp_path / "shipped.jsonl").read_text().splitlines()]
    assert [(each["device"], each["parameters"]["number"], each["cost"]) for each in shipped] == [
        ("sim:cortex-a55, among the best", 0, 20.0),
        ("sim:cortex-a55, among the best", 0, 20.0),
        ("sim:cortex-a55", 0, 5.0),
    ]
