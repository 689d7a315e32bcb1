"""An artifact rebuilt as of a git revision, in a real repository, beside today's."""

import subprocess

import numpy as np
import onnx
import pytest

from armlet import compile_model
from armlet.artifact import Artifact
from armlet.compiler.tuning import Database
from armlet.errors import ArmletError, InvalidArtifactError, UsageError
from armlet.frontend import open_model
from armlet.gate import check
from armlet.gate.revision import PACKAGE, rebuilt
from armlet.targets import Conditions, find_core, open_device

HOST = open_device("host")


def git(*arguments):
    identity = ("-c", "user.name=armlet", "-c", "user.email=armlet@example.org")
    done = subprocess.run(["git", *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def write_model(path, channels):
    """A convolution to so many channels."""
    head = '<ir_version: 10, opset_import: ["" : 21]> test'
    proto = onnx.parser.parse_model(f"{head} (float[1,3,8,8] x) => (float[] y) {{ y = Conv(x, w) }}")
    weights = np.ones((channels, 3, 1, 1), np.float32)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(proto, path)


def commit(subject):
    git("add", "--all")
    git("commit", "--quiet", "-m", subject)


def compiled(source, folder, shapes=None, **options):
    return compile_model(open_model(source, shapes), folder, find_core("host"), **options)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository whose model is narrow in the revision `narrow`, and wide today, when there are records."""
    folder = tmp_path / "repository"
    (folder / "models").mkdir(parents=True)
    monkeypatch.chdir(folder)
    git("init", "--quiet", "--initial-branch=main")
    write_model("models/conv.onnx", 8)
    commit("narrow")
    git("tag", "narrow")
    write_model("models/conv.onnx", 16)
    Database(folder / "records.jsonl").tidy()
    commit("wide")
    return folder


def test_the_model_of_a_revision_is_compiled_and_runs_in_turns(repository, tmp_path):
    records = repository / "records.jsonl"
    options = {"name": "network", "layout": "nhwc", "database": records}
    wide = compiled("models/conv.onnx", tmp_path / "wide", {"x": [1, 3, 6, 8]}, **options)
    with rebuilt([wide], "narrow") as (narrow,):
        assert narrow.manifest["outputs"][0]["shape"] == [1, 6, 8, 8]
        assert narrow.manifest["c_library"]["name"] == "network"
        assert narrow.report["made_of"]["database"] is None
        assert len(git("worktree", "list")) == 2
    assert len(git("worktree", "list")) == 1

    result = check([wide], HOST, against="HEAD", rounds=10, threshold=50, conditions=Conditions(cooldown=0))
    (verdict,) = result.verdicts
    assert result.against == "HEAD"
    size = wide.memory["library_bytes"]
    assert {check.name: check.summary for check in verdict.checks}["library"].startswith(
        f"{size:,} to {size:,}"
    )


def test_what_a_revision_cannot_say(repository, tmp_path, monkeypatch):
    artifact = compiled("models/conv.onnx", tmp_path / "wide")
    with pytest.raises(UsageError, match="v9 is neither the folder of an artifact nor a revision"):
        check([artifact], HOST, against="v9")
    git("rm", "--quiet", "models/conv.onnx")
    commit("gone")
    with pytest.raises(ArmletError, match=r"cannot be compiled as of HEAD: .*no ONNX file at .*conv.onnx"):
        check([artifact], HOST, against="HEAD")
    assert len(git("worktree", "list")) == 1

    write_model(tmp_path / "other.onnx", 8)
    other = compiled(str(tmp_path / "other.onnx"), tmp_path / "other")
    with pytest.raises(
        InvalidArtifactError, match=r"HEAD says nothing of .* made of .*/other.onnx, which is"
    ):
        check([other], HOST, against="HEAD")
    nameless = Artifact(other.folder, other.manifest)
    for made_of in ({"source": None, "database": None}, 3):
        monkeypatch.setitem(nameless.report, "made_of", made_of)
        with pytest.raises(InvalidArtifactError, match="does not say which model it was made of"):
            check([nameless], HOST, against="HEAD")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="nor a revision of a git repository at"):
        check([artifact], HOST, against="narrow")


@pytest.mark.full
@pytest.mark.skipif(not (PACKAGE / ".git").exists(), reason="this armlet is no git checkout")
def test_in_a_checkout_of_armlet_it_is_the_armlet_of_the_revision(tmp_path, monkeypatch):
    monkeypatch.chdir(PACKAGE)
    artifact = compiled("mobilenet_v3_small", tmp_path / "now")
    with rebuilt([artifact], "HEAD") as (again,):
        assert again.manifest["source"] == artifact.manifest["source"]
