"""Schedules for what armlet has no template for: found by a search, measured in the network, compiled by."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from armlet.compiler import compile_model, tune_model
from armlet.compiler.lowering import lower
from armlet.compiler.tuning import Database, Record, Selection, Trial, fallbacks
from armlet.compiler.tuning.fallbacks import FOUND, TRIED
from armlet.compiler.tuning.schedules import VERSION, name_of, scheduled
from armlet.compiler.tuning.search import BEST, search
from armlet.errors import DeviceError, InvalidArtifactError
from armlet.frontend import save
from armlet.targets import find_core, open_device
from armlet.targets.simulator.simulation import simulate

CORE = find_core("cortex-a76")
TRIALS = 4


TUNE = """
import sys
from pathlib import Path
from armlet.compiler import tune_model
from armlet.compiler.tuning import fallbacks, search
from armlet.frontend import load
from armlet.targets import find_core, open_device
source, records, fallbacks.TRIALS = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
search.TRIALS, search.BATCH = fallbacks.TRIALS, 2
print(tune_model(load(source), find_core("cortex-a76"), open_device("sim:cortex-a76"), records).measured)
"""


@pytest.fixture(scope="module")
def model(parse):
    """A transposed convolution, which is TVM's, before a convolution."""
    text = "a = ConvTranspose<strides=[2,2]>(x, t) y = Conv(a, p)"
    return parse(text, "1,8,5,5", t=(8, 16, 2, 2), p=(8, 16, 1, 1))


@pytest.fixture(scope="module")
def few_trials():
    with pytest.MonkeyPatch.context() as patch:
        for module in ("search", "fallbacks"):
            patch.setattr(f"armlet.compiler.tuning.{module}.TRIALS", TRIALS)
            patch.setattr(f"armlet.compiler.tuning.{module}.BATCH", 2)
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
    alone = [record.cost for record in Database.open(path) if record.trial.kernel == FOUND]
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


def kept(path, kernel):
    """The records of `kernel` in the file."""
    return [record for record in Database.open(path) if record.trial.kernel == kernel]


@pytest.mark.emulator
@pytest.mark.parametrize("kills", [1, pytest.param(6, marks=pytest.mark.full)])
def test_a_search_that_is_killed_goes_on(kills, model, tuned, tmp_path, wait_until):
    tuning, path = tuned
    source, records = tmp_path / "model.onnx", tmp_path / "records.jsonl"
    save(model, source)
    command = [sys.executable, "-c", TUNE, source, records, str(TRIALS)]
    for _ in range(kills):
        tried = {*kept(records, TRIED)}
        run = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
        # After another trial, as long as it is not the last one; then as soon as can be.
        wanted = min(len(tried) + 1, TRIALS - 1)
        wait_until(lambda wanted=wanted: len(kept(records, TRIED)) >= wanted, seconds=60)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        assert tried <= {*kept(records, TRIED)}
    tried = kept(records, TRIED)
    assert 0 < len(tried) < TRIALS
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) == tuning.measured - len(tried)
    assert records.read_text() == path.read_text()


def fails(error, after=0):
    """A measurement that raises `error`, after some that succeed."""
    calls = []

    def measure(self, scheduled):
        calls.append(scheduled)
        if len(calls) > after:
            raise error
        return length(scheduled)

    return calls, measure


@pytest.mark.emulator
def test_a_device_that_is_lost_ends_a_search_at_once(model, few_trials, tmp_path, monkeypatch):
    calls, measure = fails(DeviceError("the board was lost"), after=1)
    monkeypatch.setattr(fallbacks._Alone, "_measured", measure)
    with pytest.raises(DeviceError, match=r"^the board was lost$"):
        tune_model(model, CORE, open_device("sim:cortex-a76"), tmp_path / "records.jsonl")
    assert len(calls) == 2
    assert len(kept(tmp_path / "records.jsonl", TRIED)) == 1


@pytest.mark.emulator
def test_a_search_in_which_everything_fails_ends_the_run(model, few_trials, tmp_path, monkeypatch):
    calls, measure = fails(InvalidArtifactError("it crashed"))
    monkeypatch.setattr(fallbacks._Alone, "_measured", measure)
    words = r"2 schedules for ConvTranspose failed one after the other \(2 times: it crashed\); what was"
    with pytest.raises(InvalidArtifactError, match=words):
        tune_model(model, CORE, open_device("sim:cortex-a76"), tmp_path / "records.jsonl")
    assert len(calls) == 2


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
