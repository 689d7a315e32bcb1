"""Tuning on devices: on this machine by its clock, and on several boards at once, which are emulated here."""

import time
from itertools import pairwise

import pytest

from armlet.compiler import tune_model
from armlet.compiler.tuning import Database, on_device
from armlet.compiler.tuning.ranking import BEST
from armlet.errors import DeviceError, InconclusiveError, InvalidArtifactError, UsageError
from armlet.targets import Conditions, find_core, open_device, steady
from armlet.targets.devices.connection import RpcSession
from armlet.targets.devices.emulated import emulated_server

from ...boards.trees import pi4, write_tree

CORE = find_core("cortex-a72")


def tune(*arguments, **options):
    """Without waiting for quieter times: none is asserted."""
    return tune_model(*arguments, conditions=Conditions(cooldown=0), **options)


@pytest.fixture(scope="module")
def model(parse):
    return parse("a = Conv(x, e) y = Conv<group=24>(a, d)", "1,8,10,10", e=(24, 8, 1, 1), d=(24, 1, 3, 3))


def test_this_machine(model, tmp_path):
    tuning = tune(model, find_core("host"), open_device("host"), tmp_path / "records.jsonl")
    trials = [trial for task in tuning.tasks for trial in task.trials]
    records = [*Database.open(tmp_path / "records.jsonl")]
    again = {trial.among_the_best for task in tuning.tasks for trial in task.ranked(tuning.database)[:BEST]}
    assert {record.trial for record in records} == {*trials, *again}
    devices = {(record.trial.device, record.trial.core) for record in records}
    assert devices == {("host", "host"), ("host, among the best", "host")}
    assert all(record.cost > 0 for record in records)
    assert tuning.to_json()["trials_measured"] == len(trials)
    assert tuning.to_json()["default_nanoseconds"] > 0


@pytest.mark.emulator
def test_an_emulated_device_has_no_clock(model, tmp_path):
    with pytest.raises(UsageError, match="gives right results, and no times"):
        tune_model(model, CORE, open_device("emulated:cortex-a72"), tmp_path / "records.jsonl")
    assert not (tmp_path / "records.jsonl").exists()


@pytest.fixture
def emulator_in_disguise(monkeypatch):
    """Emulated servers say nothing of being emulated: their times mean nothing."""
    ask = RpcSession._ask
    silent = ("armlet.emulated_core",)
    monkeypatch.setattr(
        RpcSession, "_ask", lambda self, name, *rest: None if name in silent else ask(self, name, *rest)
    )


@pytest.fixture
def boards(tracker, emulator_in_disguise, wait_until):
    """Two boards behind a tracker."""
    options = ("--tracker", f"127.0.0.1:{tracker.port}", "--key", "board")
    with emulated_server(CORE, *options), emulated_server(CORE, *options):
        device = tracker.device("board", timeout=60)
        wait_until(lambda: device.summary() == (2, 2))
        yield device


@pytest.mark.emulator
def test_boards_get_what_the_model_finds_cheap_first(model, boards, tmp_path):
    path, simulated = tmp_path / "records.jsonl", open_device("sim:cortex-a72")
    by_model = tune_model(model, CORE, simulated, path)
    tuning = tune(model, CORE, boards, path, trials=2 * len(by_model.tasks))
    assert tuning.order == "cheapest first on sim:cortex-a72"
    measured = {record.trial for record in Database.open(path) if record.trial.device == boards.uri}
    assert measured == {
        trial._replace(device=boards.uri)
        for task in by_model.tasks
        for trial in (task.trials[0], min(task.trials[1:], key=by_model.cost))
    }


def test_without_a_model_candidates_come_as_listed(model, tmp_path):
    tuning = tune(model, find_core("host"), open_device("host"), tmp_path / "records.jsonl", trials=1)
    assert tuning.order.startswith("as listed: there is no model of host")


@pytest.mark.emulator
def test_boards_of_one_key_measure_at_once(model, boards, tmp_path, monkeypatch):
    measure, spans = on_device._parts, []

    def timed(*arguments):
        start = time.monotonic()
        parts = measure(*arguments)
        spans.append((start, time.monotonic()))
        return parts

    monkeypatch.setattr(on_device, "_parts", timed)
    tuning = tune(model, CORE, boards, tmp_path / "records.jsonl")
    assert tuning.measured == sum(len(task.trials) for task in tuning.tasks)
    spans.sort()
    assert any(late[0] < early[1] for early, late in pairwise(spans))


@pytest.mark.emulator
def test_a_lost_board_costs_a_round(model, boards, tmp_path, monkeypatch):
    measure, calls = on_device._parts, []

    def losing(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise DeviceError("the board was lost")
        return measure(*arguments)

    monkeypatch.setattr(on_device, "_parts", losing)
    tuning = tune(model, CORE, boards, tmp_path / "records.jsonl")
    total = sum(len(task.trials) for task in tuning.tasks)
    assert tuning.failures == {"the board was lost": 1}
    assert 0 < tuning.measured < total
    again = tune(model, CORE, boards, tmp_path / "records.jsonl")
    assert (again.measured, again.failures) == (total - tuning.measured, {})


def test_a_candidate_that_crashes_costs_a_round(model, tmp_path, monkeypatch):
    measure, calls = on_device._parts, []

    def crashing(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise InvalidArtifactError("it crashed")
        return measure(*arguments)

    monkeypatch.setattr(on_device, "_parts", crashing)
    tuning = tune(model, find_core("host"), open_device("host"), tmp_path / "records.jsonl")
    assert tuning.failures == {"it crashed": 1}
    assert 0 < tuning.measured < sum(len(task.trials) for task in tuning.tasks)


def test_a_board_that_is_lost_again_and_again_ends_the_run(model, tmp_path, monkeypatch):
    def lost(*arguments):
        raise DeviceError("the board was lost")

    monkeypatch.setattr(on_device, "_parts", lost)
    with pytest.raises(
        DeviceError,
        match=r"3 rounds failed one after the other \(3 times: the board was lost\); what was measured",
    ):
        tune(model, find_core("host"), open_device("host"), tmp_path / "records.jsonl")
    assert not [*Database.open(tmp_path / "records.jsonl")]


@pytest.mark.emulator
@pytest.mark.usefixtures("emulator_in_disguise")
def test_a_board_that_throttles_is_waited_for_or_ends_the_run(model, tmp_path, monkeypatch):
    monkeypatch.setattr(steady, "FIRST_PAUSE", 0.01)
    path, root = tmp_path / "records.jsonl", write_tree(tmp_path / "root", pi4(celsius=86))
    waits = []

    def cool(what):
        waits.append(what)
        write_tree(root, pi4(celsius=60))

    with emulated_server(CORE, "--root", str(root)) as port:
        device = open_device(f"rpc://127.0.0.1:{port}")
        with pytest.raises(
            InconclusiveError, match=r"after 0 s of waiting: it has 86 °C, and is slowed down"
        ):
            tune(model, CORE, device, path, trials=2)
        assert not path.exists()
        tuning = tune_model(model, CORE, device, path, trials=2, conditions=Conditions(cooldown=3, say=cool))
    assert waits[0] == "waiting, 3 s at most: it has 86 °C, and is slowed down from 80 °C"
    assert (tuning.measured, tuning.failures) == (2, {})
