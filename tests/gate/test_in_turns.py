"""The gate on this machine, as a device with a clock: times themselves are never asserted."""

import json

import pytest

from armlet import build, compile_model
from armlet.artifact import Artifact
from armlet.errors import InvalidArtifactError, UsageError
from armlet.gate import check
from armlet.gate.in_turns import LOAD_FLOOR_MS, LOAD_THRESHOLD, check_times
from armlet.targets import Conditions, PairedTimes, find_core, open_device

from ..boards.trees import pi4, write_tree

HOST = open_device("host")
# Without waiting for quieter times: none is asserted.
AT_ONCE = Conditions(cooldown=0)


@pytest.fixture(scope="module")
def on_host(folder):
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    return compile_model(model, folder / "host", find_core("host"), name="small")


def test_an_artifact_against_itself(on_host):
    result = check([on_host], HOST, against=on_host.folder, rounds=12, threshold=50, conditions=AT_ONCE)
    (verdict,) = result.verdicts
    assert [each.name for each in verdict.checks] == [
        *("accuracy", "latency", "load", "library", "weights", "workspace")
    ]
    assert {each.outcome for each in verdict.checks if each.name not in ("latency", "load")} == {"passed"}
    (content,) = json.loads(json.dumps(result.to_json()))["artifacts"]
    assert len(content["samples_ms"]["before"]) == len(content["samples_ms"]["now"]) == 12
    assert min(content["samples_ms"]["before"]) > 0
    assert len(content["load_ms"]["before"]) == len(content["load_ms"]["now"]) == 12
    assert min(content["load_ms"]["now"]) > 0
    assert (content["threshold"], content["load"]["threshold"]) == (1.5, LOAD_THRESHOLD)
    assert len(content["conditions"]["turns"]) == 4


def test_another_network_is_said(on_host):
    other = Artifact(on_host.folder, on_host.manifest | {"precision": "fp16"})
    (verdict,) = check(
        [other], HOST, against=on_host.folder, rounds=10, threshold=50, conditions=AT_ONCE
    ).verdicts
    assert verdict.notes[:1] == ["held against another network, target or precision: small/host/fp32"]


def test_accuracy_is_checked_in_the_same_run(on_host):
    strict = Artifact(on_host.folder, on_host.manifest | {"tolerance": 1e-12})
    result = check([strict], HOST, against=on_host.folder, rounds=10, threshold=50, conditions=AT_ONCE)
    assert result.outcome == "regression"
    assert result.verdicts[0].checks[0].outcome == "regression"


@pytest.mark.parametrize(
    ("now", "outcome", "detail"),
    [
        (20.0, "passed", ""),
        (22.0, "regression", "chance does as much"),
        (None, "inconclusive", "30 rounds tell"),
    ],
)
def test_times_become_a_check(now, outcome, detail):
    before = [20.0 + 0.001 * (number % 7) for number in range(30)]
    after = [now + 0.001 * (number % 5) if now else 20.0 + number % 5 for number in range(30)]
    found = check_times("latency", PairedTimes(before, after, 1.03))
    assert found.outcome == outcome
    assert "".join(found.details).startswith(detail)
    assert found.summary.startswith("20.003 to ")


@pytest.mark.parametrize(
    ("before", "now", "spread", "outcome", "words"),
    [
        (0.3, 0.9, 0.2, "passed", "a difference of less than 1 ms does not count"),
        (2.0, 2.6, 0.01, "passed", "a difference of less than 1 ms does not count"),
        (2.0, 3.5, 0.01, "regression", "at most +25% allowed"),
        (8.0, 9.5, 0.01, "passed", "+18.8% by their ratios"),
        (8.0, 11.0, 0.01, "regression", "at most +25% allowed"),
        (8.0, 11.0, 20.0, "inconclusive", "by their ratios"),
    ],
)
def test_loading_fails_past_a_quarter_and_a_millisecond(before, now, spread, outcome, words):
    times = [
        [least + spread * (number * step % 7) for number in range(30)]
        for least, step in ((before, 1), (now, 3))
    ]
    found = check_times("load", PairedTimes(*times, LOAD_THRESHOLD, LOAD_FLOOR_MS))
    assert (found.name, found.outcome) == ("load", outcome)
    assert found.summary.endswith(words)


def test_wrong_usage(on_host, artifact, tmp_path):
    with pytest.raises(UsageError, match="host are only compared within a run: use --against"):
        check([on_host], HOST, baseline=tmp_path / "b.json")
    with pytest.raises(UsageError, match="only compared within a run"):
        check([on_host], HOST, against=on_host.folder, update=True)
    with pytest.raises(UsageError, match=r"sim:cortex-a53 is exact, .* not --against"):
        check([artifact], open_device("sim:cortex-a53"), against=artifact.folder)
    with pytest.raises(UsageError, match="gives right results, and no times"):
        check([artifact], open_device("emulated:cortex-a53"), against=artifact.folder)
    with pytest.raises(InvalidArtifactError, match="which host cannot run"):
        check([on_host], HOST, against=artifact.folder)


def test_a_device_that_throttles_is_never_a_pass():
    times = [20.0 + 0.001 * (number % 7) for number in range(30)]
    words = "the clock went down from 1800 to 1500 MHz"
    for now in (times, [1.1 * time for time in times]):
        found = check_times("latency", PairedTimes(times, now, 1.03), [words])
        assert (found.outcome, found.details) == ("inconclusive", [words])


def test_a_board_that_stays_hot_is_inconclusive(on_host, tmp_path, start_server):
    root = write_tree(tmp_path / "root", pi4(celsius=90))
    device = open_device(f"rpc://127.0.0.1:{start_server('--root', str(root)).port}")
    result = check([on_host], device, against=on_host.folder, rounds=10, threshold=50, conditions=AT_ONCE)
    assert (result.outcome, result.outcome.exit_code) == ("inconclusive", 4)
    timed = [each for each in result.verdicts[0].checks if each.name in ("latency", "load")]
    assert [each.details[0] for each in timed] == ["it has 90 °C, and is slowed down from 80 °C"] * 2
