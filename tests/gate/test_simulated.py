import json

import pytest

from armlet.artifact import Artifact
from armlet.errors import InvalidBaselineError, UsageError
from armlet.gate import check
from armlet.inference import profile
from armlet.targets import open_device

DEVICE = open_device("sim:cortex-a53")


@pytest.fixture(scope="module")
def baseline(artifact, folder):
    path = folder / "baseline.json"
    result = check([artifact], DEVICE, baseline=path, update=True)
    assert result.outcome == "passed"
    return path


@pytest.mark.emulator
def test_the_same_artifact_passes(artifact, baseline):
    (verdict,) = check([artifact], DEVICE, baseline=baseline, threshold=0).verdicts
    assert verdict.outcome == "passed"
    assert verdict.name == "small/cortex-a53/fp32"
    names = [each.name for each in verdict.checks]
    assert names == ["accuracy", "cycles", "layers", "library", "weights", "workspace"]
    cycles = profile(artifact, DEVICE).simulation.cycles
    assert f"to {round(cycles):,} modelled cycles (+0.00%)" in verdict.checks[1].summary
    assert verdict.notes == []


@pytest.mark.emulator
def test_a_lost_fusion_is_a_regression_that_names_the_layer(without_squeeze, baseline):
    result = check([without_squeeze], DEVICE, baseline=baseline)
    assert result.outcome == "regression"
    failed = {each.name: each for each in result.verdicts[0].checks if each.outcome == "regression"}
    slower = failed["block1/depthwise/conv, block1/se/squeeze"]
    assert slower.details[0] == (
        "a fusion is lost: block1/se/squeeze computed with block1/depthwise/conv before"
    )


@pytest.mark.emulator
def test_a_wrong_output_is_a_regression_and_no_baseline(artifact, baseline):
    strict = Artifact(artifact.folder, artifact.manifest | {"tolerance": 1e-12})
    (verdict,) = check([strict], DEVICE, baseline=baseline).verdicts
    assert {each.name for each in verdict.checks if each.outcome == "regression"} == {"accuracy"}
    text = baseline.read_text()
    result = check([strict], DEVICE, baseline=baseline, update=True)
    assert result.outcome == "regression"
    assert baseline.read_text() == text


@pytest.mark.emulator
def test_an_update_keeps_the_other_entries(artifact, baseline, tmp_path):
    content = json.loads(baseline.read_text())
    (entry,) = content["artifacts"].values()
    content["artifacts"] = {
        "other/cortex-a53/fp32": entry,
        "small/cortex-a53/fp32": entry | {"cycles": 2 * entry["cycles"]},
    }
    path = tmp_path / "b.json"
    path.write_text(json.dumps(content))
    (verdict,) = check([artifact], DEVICE, baseline=path, update=True).verdicts
    assert "(-50.00%)" in verdict.checks[1].summary
    written = json.loads(path.read_text())["artifacts"]
    assert written == {"other/cortex-a53/fp32": entry, "small/cortex-a53/fp32": entry}


@pytest.mark.emulator
def test_what_is_gained_is_said(artifact, baseline, tmp_path):
    content = json.loads(baseline.read_text())
    content["artifacts"]["small/cortex-a53/fp32"]["cycles"] *= 2
    path = tmp_path / "b.json"
    path.write_text(json.dumps(content))
    (verdict,) = check([artifact], DEVICE, baseline=path).verdicts
    assert verdict.outcome == "passed"
    assert verdict.notes == ["faster than the baseline: --update keeps it so"]


@pytest.mark.emulator
def test_other_versions_are_said_and_another_core_or_yardstick_is_refused(artifact, baseline, tmp_path):
    def changed(**changes):
        content = json.loads(baseline.read_text())
        content["artifacts"]["small/cortex-a53/fp32"].update(changes)
        path = tmp_path / "b.json"
        path.write_text(json.dumps(content))
        return path

    (entry,) = json.loads(baseline.read_text())["artifacts"].values()
    assert entry["versions"].keys() >= {"armlet", "TVM", "LLVM"}
    older = changed(versions=entry["versions"] | {"LLVM": "21"})
    (verdict,) = check([artifact], DEVICE, baseline=older).verdicts
    assert verdict.notes == [f"LLVM {entry['versions']['LLVM']}, the baseline's was 21"]
    with pytest.raises(InvalidBaselineError, match="the baseline is of cortex-a55, expected cortex-a53"):
        check([artifact], DEVICE, baseline=changed(core="cortex-a55"))
    with pytest.raises(InvalidBaselineError, match="the baseline is of yardstick 0"):
        check([artifact], DEVICE, baseline=changed(yardstick=0))


def test_an_artifact_without_an_entry(artifact, tmp_path):
    path = tmp_path / "b.json"
    path.write_text('{"format": 1, "artifacts": {}}')
    with pytest.raises(
        InvalidBaselineError, match="no entry for small/cortex-a53/fp32: add it with --update"
    ):
        check([artifact], DEVICE, baseline=path)


def test_wrong_usage(artifact, tmp_path):
    with pytest.raises(UsageError, match="are both small/cortex-a53/fp32: compile one with another --name"):
        check([artifact, artifact], DEVICE, baseline=tmp_path / "b.json", update=True)
    with pytest.raises(UsageError, match="use --baseline"):
        check([artifact], DEVICE)
    with pytest.raises(UsageError, match="times on host are only compared within a run: use --against"):
        check([artifact], open_device("host"), baseline=tmp_path / "b.json")
