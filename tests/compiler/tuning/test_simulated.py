"""Tuning on a simulated core: everything measured once, whatever ends it, and always the same."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from armlet.compiler import compile_model, tune_model
from armlet.compiler.tuning import Database, ranked
from armlet.compiler.tuning.ranking import BEST
from armlet.frontend import save
from armlet.targets import find_core, open_device
from armlet.targets.simulator.simulation import simulate

from .records import trials_in

pytestmark = pytest.mark.emulator

CORE = find_core("cortex-a55")
ARMLET = Path(sys.executable).with_name("armlet")


@pytest.fixture(scope="module")
def model(parse):
    """An expansion, a depthwise convolution and a projection."""
    text = "a = Conv(x, e) b = Conv<group=24, pads=[1,1,1,1]>(a, d) y = Conv(b, p)"
    return parse(text, "1,8,10,10", e=(24, 8, 1, 1), d=(24, 1, 3, 3), p=(8, 24, 1, 1))


def tune(model, path, **options):
    return tune_model(model, CORE, open_device("sim:cortex-a55"), path, **options)


@pytest.fixture(scope="module")
def undisturbed(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed") / "records.jsonl"
    return tune(model, path), path


def test_every_candidate_is_measured_once(undisturbed):
    tuning, path = undisturbed
    trials = [trial for task in tuning.tasks for trial in task.trials]
    assert tuning.measured == len(trials) == len(set(trials))
    measured = {record.trial for record in Database.open(path)}
    again = {trial.among_the_best for task in tuning.tasks for trial in task.ranked(tuning.database)[:BEST]}
    assert measured == {*trials, *again}
    assert {layer for task in tuning.tasks for layer in task.layers} == {"a", "b", "y"}


def test_a_kernel_costs_at_least_its_multiply_adds(undisturbed):
    tuning, _ = undisturbed
    for task, macs in zip(tuning.tasks, (8 * 24 * 100, 24 * 9 * 64, 24 * 8 * 100), strict=True):
        assert all(tuning.cost(trial) > macs / CORE.peak.fp32 for trial in task.trials)


def test_what_is_known_is_not_measured_again(model, undisturbed, tmp_path):
    tuning, path = undisturbed
    text = path.read_text()
    again = tune(model, path)
    assert (again.measured, path.read_text()) == (0, text)
    assert again.to_json() == tuning.to_json() | {"trials_measured": 0}


def test_a_board_gets_what_is_cheap_here_first(model, undisturbed, tmp_path):
    tuning, path = undisturbed
    boards = [
        replace(task, trials=tuple(trial._replace(device="board") for trial in task.trials))
        for task in tuning.tasks
    ]
    for task, on_board, simulated in zip(
        ranked(boards, tuning.tasks, Database.open(path)), boards, tuning.tasks, strict=True
    ):
        assert task.trials[0] == on_board.trials[0]
        assert sorted(task.trials) == sorted(on_board.trials)
        costs = [tuning.cost(trial._replace(device=simulated.trials[0].device)) for trial in task.trials]
        assert costs[1:] == sorted(costs[1:])


def test_some_trials_now_and_the_others_later(model, undisturbed, tmp_path):
    tuning, path = undisturbed
    first = tune(model, tmp_path / "records.jsonl", trials=4)
    second = tune(model, tmp_path / "records.jsonl")
    assert (first.measured, second.measured) == (4, tuning.measured - 4)
    assert (tmp_path / "records.jsonl").read_text() == path.read_text()


def workers(run):
    """The compilers and emulators that work for a run."""
    return psutil.Process(run.pid).children(recursive=True)


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.full)])
def test_a_run_that_is_killed_goes_on(kills, model, undisturbed, tmp_path, wait_until):
    source, records = tmp_path / "model.onnx", tmp_path / "records.jsonl"
    save(model, source)
    expected, known = {*Database.open(undisturbed[1])}, set()
    command = [ARMLET, "tune", source, "--target", CORE.name, "--device", f"sim:{CORE.name}"]

    def start():
        # Nothing of an earlier run's is in the cache, unless that was killed.
        environment = os.environ | {"ARMLET_CACHE": str(tmp_path / "cache")}
        return subprocess.Popen(
            [*command, "--database", records],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(run):
        """Wait for a run's end; one whose worker was killed may have failed, in one line."""
        _, words = run.communicate(timeout=300)
        assert run.returncode in (0, 1), words
        assert words.count("\narmlet: ") == run.returncode, words
        assert "Traceback" not in words

    run, random = start(), np.random.default_rng(0)
    for kill in range(kills):
        # Kills are to be in the midst of a run.
        while True:
            time.sleep(random.uniform(1, 8))
            if run.poll() is None:
                break
            end(run)
            if {*Database.open(records)} == expected:
                shutil.rmtree(tmp_path / "cache")
                records.unlink()
                known = set()
            run = start()
        if kill % 3 == 2 and (found := workers(run)):
            with contextlib.suppress(psutil.NoSuchProcess):
                random.choice(found).kill()
        else:
            os.killpg(run.pid, signal.SIGKILL)
            run.communicate()
            run = start()
        found = trials_in(records)
        assert known <= found <= trials_in(undisturbed[1])
        known = found
    for _ in range(2):  # what a killed worker has cost is measured by the run after
        end(run)
        run = start()
    end(run)
    assert records.read_text() == undisturbed[1].read_text()


def test_ctrl_c_ends_a_run_at_once_and_leaves_its_records(model, undisturbed, tmp_path, wait_until):
    source, records, work = tmp_path / "model.onnx", tmp_path / "records.jsonl", tmp_path / "work"
    save(model, source)
    work.mkdir()
    command = [ARMLET, "tune", source, "--target", CORE.name, "--device", f"sim:{CORE.name}"]
    run = subprocess.Popen(
        [*command, "--database", records],
        env=os.environ | {"TMPDIR": str(work)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(records.exists)
    run.send_signal(signal.SIGINT)
    _, words = run.communicate(timeout=10)
    assert (run.returncode, words.strip().splitlines()[-1]) == (130, "armlet: interrupted")
    assert len([*Database.open(records)]) >= len(undisturbed[0].tasks)
    wait_until(lambda: not any(work.glob("armlet*")))


def test_a_network_is_compiled_with_what_was_found(model, undisturbed, tmp_path):
    tuning, path = undisturbed
    artifact = compile_model(model, tmp_path / "tuned", CORE, database=path)
    assert artifact.manifest["tuning"] == {"used": ["a", "b", "y"], "missing": [], "stale": []}
    image = np.zeros((1, 8, 10, 10), np.float32)
    assert simulate(artifact.library, image, CORE).cycles == tuning.tuned_cost
    plain = compile_model(model, tmp_path / "plain", CORE)
    assert plain.manifest["tuning"] == {"used": [], "missing": ["a", "b", "y"], "stale": []}
    assert simulate(plain.library, image, CORE).cycles == tuning.default_cost
