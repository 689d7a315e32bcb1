"""An artifact rebuilt as of a git revision, in a real repository, beside today's."""

import subprocess

import pytest

from armlet import build, compile_model
from armlet.artifact import Artifact
from armlet.compiler.tuning import Database
from armlet.errors import ArmletError, InvalidArtifactError, UsageError
from armlet.frontend import open_model, save
from armlet.gate import check
from armlet.gate.revision import PACKAGE, rebuilt
from armlet.targets import find_core, open_device

HOST = open_device("host")


def git(*arguments):
    identity = ("-c", "user.name=armlet", "-c", "user.email=armlet@example.org")
    done = subprocess.run(["git", *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def compile_here(folder, **options):
    return compile_model(open_model("models/small.onnx"), folder, find_core("host"), **options)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository whose model is narrow in the revision `narrow`, and wider today."""
    folder = tmp_path / "repository"
    (folder / "models").mkdir(parents=True)
    monkeypatch.chdir(folder)
    git("init", "--quiet", "--initial-branch=main")
    for width, name in ((0.35, "narrow"), (0.5, "wide")):
        save(
            build("mobilenet_v3_small", resolution=32, width=width, classes=10), folder / "models/small.onnx"
        )
        git("add", ".")
        git("commit", "--quiet", "-m", name)
        git("tag", name)
    return folder


def test_the_model_of_a_revision_is_compiled_and_runs_in_turns(repository, tmp_path):
    wide = compile_here(tmp_path / "wide", name="network", precision="fp16", layout="nhwc")
    git("checkout", "--quiet", "narrow")
    narrow = compile_here(tmp_path / "narrow", name="network", precision="fp16", layout="nhwc")
    git("checkout", "--quiet", "main")
    with rebuilt([wide], "narrow") as (again,):
        assert again.manifest == narrow.manifest
        assert again.manifest != wide.manifest
        assert len(git("worktree", "list")) == 2
    assert git("worktree", "list", "--porcelain").count("") == 1

    result = check([wide], HOST, against="narrow", rounds=10, threshold=50)
    (verdict,) = result.verdicts
    sizes = {each.name: each.summary for each in verdict.checks}
    assert f"{narrow.memory['weights_bytes']:,} to {wide.memory['weights_bytes']:,} bytes" in sizes["weights"]
    assert result.against == "narrow"


def test_the_records_of_a_revision_are_used_or_there_were_none_yet(repository, tmp_path):
    Database(repository / "records.jsonl").tidy()
    artifact = compile_here(tmp_path / "today", database=repository / "records.jsonl")
    git("add", ".")
    git("commit", "--quiet", "-m", "records")
    for revision in ("HEAD", "wide"):
        with rebuilt([artifact], revision) as (again,):
            recorded = again.report["made_of"]["database"]
            assert (recorded is not None) == (revision == "HEAD")
            assert again.manifest == artifact.manifest


def test_what_a_revision_cannot_say(repository, tmp_path, monkeypatch):
    artifact = compile_here(tmp_path / "wide")
    with pytest.raises(UsageError, match="v9 is neither the folder of an artifact nor a revision"):
        check([artifact], HOST, against="v9")
    git("rm", "--quiet", "models/small.onnx")
    git("commit", "--quiet", "-m", "gone")
    with pytest.raises(ArmletError, match=r"cannot be compiled as of HEAD: .*no ONNX file at .*small.onnx"):
        check([artifact], HOST, against="HEAD")
    assert len(git("worktree", "list")) == 1

    of_a_name = compile_model(open_model("mobilenet_v3_small"), tmp_path / "named", find_core("host"))
    with pytest.raises(
        InvalidArtifactError, match=r"HEAD says nothing of .* made of mobilenet_v3_small, which is"
    ):
        check([of_a_name], HOST, against="HEAD")
    built = compile_model(build("mobilenet_v3_small", resolution=32), tmp_path / "built", find_core("host"))
    with pytest.raises(InvalidArtifactError, match="does not say which model it was made of"):
        check([built], HOST, against="HEAD")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="nor a revision of a git repository at"):
        check([artifact], HOST, against="wide")


@pytest.mark.full
@pytest.mark.skipif(not (PACKAGE / ".git").exists(), reason="this armlet is no git checkout")
def test_in_a_checkout_of_armlet_it_is_the_armlet_of_the_revision(tmp_path, monkeypatch):
    monkeypatch.chdir(PACKAGE)
    artifact = compile_model(open_model("mobilenet_v3_small"), tmp_path / "now", find_core("host"))
    other = Artifact(artifact.folder, artifact.manifest)
    with rebuilt([other], "HEAD") as (again,):
        assert again.manifest["source"] == artifact.manifest["source"]
