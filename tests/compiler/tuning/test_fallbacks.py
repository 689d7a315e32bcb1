"""Schedules for what armlet has no template for: found by a search, measured in the network, compiled by."""

import json

import numpy as np
import pytest

from armlet.compiler import compile_model, tune_model
from armlet.compiler.lowering import lower
from armlet.compiler.tuning import Database, Record, Selection, Trial
from armlet.compiler.tuning.fallbacks import KERNEL
from armlet.compiler.tuning.schedules import VERSION, name_of, scheduled
from armlet.compiler.tuning.search import BEST, search
from armlet.errors import InvalidArtifactError
from armlet.targets import find_core, open_device
from armlet.targets.simulator.simulation import simulate

CORE = find_core("cortex-a76")
TRIALS = 4


@pytest.fixture(scope="module")
def model(parse):
    """A transposed convolution, which is TVM's, before a convolution."""
    text = "a = ConvTranspose<strides=[2,2]>(x, t) y = Conv(a, p)"
    return parse(text, "1,8,5,5", t=(8, 16, 2, 2), p=(8, 16, 1, 1))


@pytest.fixture(scope="module")
def few_trials():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("search.TRIALS", TRIALS), ("search.BATCH", 2), ("fallbacks.TRIALS", TRIALS)):
            patch.setattr(f"armlet.compiler.tuning.{name}", value)
        yield


@pytest.fixture(scope="module")
def tuned(model, few_trials, tmp_path_factory):
    path = tmp_path_factory.mktemp("tuned") / "records.jsonl"
    return tune_model(model, CORE, open_device("sim:cortex-a76"), path), path


@pytest.fixture(scope="module")
def transposed(model, fused):
    """The node of the transposed convolution, and TVM's function for it."""
    found = []

    def note(node, number, function):
        found.append((node, function))
        return function

    lower(fused(model, CORE), "nchw", CORE, schedule=note)
    ((node, function),) = found
    return node, function


def length(function):
    """A cost that needs no compilation."""
    return float(len(str(function.body)))


@pytest.mark.emulator
def test_the_best_of_a_search_are_measured_in_the_network(tuned):
    tuning, path = tuned
    (task,) = (task for task in tuning.tasks if task.kernel == "tvm")
    assert task.layers == ("a",)
    assert [json.loads(trial.parameters).keys() for trial in task.trials] == [{}.keys(), *[{"trace"}] * BEST]
    alone = [record.cost for record in Database.open(path) if record.trial.kernel == KERNEL]
    assert len(alone) == BEST
    assert tuning.cost(task.best(tuning.database)) < tuning.cost(task.trials[0])
    assert tuning.tuned_cost < tuning.default_cost
    assert tuning.measured == TRIALS + sum(len(task.trials) for task in tuning.tasks)


@pytest.mark.emulator
def test_what_was_found_is_not_searched_for_again(model, tuned):
    _, path = tuned
    text = path.read_text()
    again = tune_model(model, CORE, open_device("sim:cortex-a76"), path)
    assert (again.measured, path.read_text()) == (0, text)


@pytest.mark.emulator
def test_a_network_is_compiled_by_the_schedule(model, tuned, tmp_path):
    tuning, path = tuned
    artifact = compile_model(model, tmp_path / "tuned", CORE, database=path)
    assert artifact.manifest["tuning"] == {"used": ["a", "y"], "missing": [], "stale": []}
    assert artifact.report["verification"]["worst_error"] < 1e-5
    image = np.zeros((1, 8, 5, 5), np.float32)
    assert simulate(artifact.library, image, CORE).cycles == tuning.tuned_cost


@pytest.mark.emulator
def test_fewer_trials_than_a_search_takes_leave_it_out(model, few_trials, tmp_path):
    path = tmp_path / "records.jsonl"
    tuning = tune_model(model, CORE, open_device("sim:cortex-a76"), path, trials=1)
    assert tuning.measured == 1
    assert {record.trial.kernel for record in Database.open(path)} == {"pointwise"}


def test_the_same_costs_lead_to_the_same_schedules(transposed, few_trials):
    _, function = transposed
    first, second = (search(function, CORE, length) for _ in range(2))
    assert first == second
    assert [each.cost for each in first] == sorted(each.cost for each in first)
    for each in first:
        kept = json.loads(json.dumps({"trace": each.trace}))
        assert length(scheduled(function, kept)) == each.cost


def test_schedules_that_fail_are_passed_over(transposed, few_trials):
    _, function = transposed
    assert search(function, CORE, lambda each: None) == []


@pytest.mark.parametrize("parameters", ['{"trace": "none"}', '{"vectors": 2}'])
def test_a_record_without_a_trace_is_refused(parameters, transposed):
    node, function = transposed
    trial = Trial("tvm", name_of(node, function), CORE.name, "fp32", VERSION, parameters, "sim:cortex-a76")
    selection = Selection(CORE.name, "fp32", [Record(trial, 1.0)])
    with pytest.raises(InvalidArtifactError, match=r"record of ConvTranspose.* has no trace that fits"):
        selection.schedule(node, 0, function)
