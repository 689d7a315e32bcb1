import json
from pathlib import Path

import pytest

from armlet import build, compile_model
from armlet.artifact import Artifact
from armlet.errors import InvalidArtifactError, UsageError
from armlet.explain import explain
from armlet.targets import find_core, open_device


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    model = build("mobilenet_v3_small", resolution=32, width=0.35, classes=10)
    return compile_model(model, tmp_path_factory.mktemp("made") / "a53", find_core("cortex-a53"))


@pytest.mark.emulator
def test_a_layer_is_explained_by_its_kernel(artifact):
    device = open_device("sim:cortex-a53")
    explanation = explain(artifact, "classifier/linear", device)
    assert explanation.kernel.layers == ["classifier/linear"]
    assert explanation.covered == sum(run.share for run in explanation.runs)
    # A row of the matrix at a time: its loop multiplies and adds, and holds most of the cycles.
    hottest = explanation.runs[0]
    assert any(text.startswith("fmla") for _, text in hottest.assembly)
    assert hottest.run.trips > 1

    everything = explain(artifact, explanation.kernel.cost.name, device, everything=True)
    assert everything.covered == pytest.approx(1)
    assert everything.runs[0] == hottest
    content = json.loads(json.dumps(everything.to_json()))
    assert (content["core"], content["covered"]) == ("cortex-a53", 1)
    executed = sum(run["executions"] * len(run["assembly"]) for run in content["runs"])
    assert executed == sum(content["kernel"]["instructions"].values())


def test_only_a_simulated_core_is_explained():
    artifact = Artifact(Path("made"), {})
    with pytest.raises(UsageError, match="host shows no cycles of its code: choose a simulated core"):
        explain(artifact, "stem/conv", open_device("host"))


def test_an_artifact_for_another_core_is_refused(artifact):
    target = artifact.manifest["target"] | {"mattr": ["+dotprod"]}
    newer = Artifact(artifact.folder, artifact.manifest | {"target": target})
    with pytest.raises(InvalidArtifactError, match="which sim:cortex-a53 cannot run"):
        explain(newer, "stem/conv", open_device("sim:cortex-a53"))
