import json

import numpy as np
import pytest

from armlet.artifact import FORMAT, Artifact, seal, sha256
from armlet.errors import InvalidArtifactError, UsageError

MANIFEST = {
    **{"pins": {}, "target": {}, "source": {}, "inputs": [], "outputs": [], "kernels": [], "fallbacks": []},
    **{"tolerance": 1e-4, "layout": "nchw", "labels": None, "preprocessing": None, "tuning": {}, "fused": {}},
    "weights_bytes": 0,
}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "made"
    (folder / "sample").mkdir(parents=True)
    np.save(folder / "sample/input.npy", np.zeros((1, 2)))
    np.save(folder / "sample/output.npy", np.ones((1, 3)))
    (folder / "model.so").write_bytes(b"code")
    (folder / "model.onnx").write_bytes(b"graph")
    seal(folder, MANIFEST)
    (folder / "report.json").write_text('{"compile_seconds": 3}')
    return folder


def test_opens_as_it_was_made(folder):
    artifact = Artifact.open(folder)
    assert artifact.manifest["tolerance"] == 1e-4
    assert artifact.manifest["files"]["model.so"] == sha256(folder / "model.so")
    assert artifact.manifest["files"].keys() == {
        *("model.onnx", "model.so", "sample/input.npy", "sample/output.npy")
    }
    assert artifact.report == {"compile_seconds": 3}
    assert artifact.sample[1].shape == (1, 3)
    assert artifact.sizes["model.so"] == 4


def test_the_report_may_change(folder):
    (folder / "report.json").write_text("{}")
    assert Artifact.open(folder).report == {}


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_report_that_is_lost_or_damaged(folder, content):
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    if content:
        report.write_text(content)
    artifact = Artifact.open(folder)
    with pytest.raises(
        InvalidArtifactError, match=r"its report\.json is missing or damaged: compile it again"
    ):
        _ = artifact.report


def test_a_changed_file_is_named(folder):
    (folder / "model.so").write_bytes(b"c0de")
    with pytest.raises(InvalidArtifactError, match=r"model\.so has changed since .*: compile it again"):
        Artifact.open(folder)


def test_a_lost_file_is_named(folder):
    (folder / "sample/input.npy").unlink()
    with pytest.raises(InvalidArtifactError, match=r"input\.npy is gone"):
        Artifact.open(folder)


CONTENTS = ["", "{", "[]", f'{{"format": {FORMAT}}}', '"text"', f'{{"format": {FORMAT}, "files": []}}']


@pytest.mark.parametrize("content", CONTENTS)
def test_a_damaged_manifest(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(InvalidArtifactError, match="is not an artifact"):
        Artifact.open(folder)


def test_another_format(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(InvalidArtifactError, match=f"has the format 99, expected {FORMAT}"):
        Artifact.open(folder)


def test_no_folder_and_another_folder(tmp_path):
    with pytest.raises(UsageError, match="no artifact at"):
        Artifact.open(tmp_path / "absent")
    with pytest.raises(InvalidArtifactError, match="is not an artifact"):
        Artifact.open(tmp_path)


def test_a_path_that_leads_out_of_the_folder(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../outside"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidArtifactError):
        Artifact.open(folder)


@pytest.mark.parametrize("key", ["files", "pins", "target", "inputs", "tolerance", "labels"])
def test_a_manifest_that_lacks_something(folder, key):
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest[key]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidArtifactError, match="is missing or damaged"):
        Artifact.open(folder)


def test_a_manifest_that_says_nothing_of_the_library(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]["model.so"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidArtifactError, match="is missing or damaged"):
        Artifact.open(folder)
