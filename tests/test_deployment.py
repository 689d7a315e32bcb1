"""Deployment to a board behind a real sshd, its ARM64 programs under qemu."""

import json
import platform
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from armlet import build, compile_model
from armlet.artifact import installed_pins
from armlet.deployment import EXAMPLES, INPUT, PROGRAMS, deploy
from armlet.errors import ArmletError, InvalidArtifactError, UsageError
from armlet.targets import find_core, open_device

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def model():
    return build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)


@pytest.fixture(scope="module")
def artifact(model, tmp_path_factory):
    return compile_model(model, tmp_path_factory.mktemp("made") / "small", find_core("cortex-a72"))


@pytest.fixture(scope="module")
def for_host(model, tmp_path_factory):
    return compile_model(model, tmp_path_factory.mktemp("made") / "host", find_core("host"))


def test_what_is_deployed_runs_there_by_the_lines_that_are_printed(raspberry_pi, artifact):
    device = open_device(raspberry_pi.uri)
    deployment = deploy(artifact, device)
    place = raspberry_pi.board.home / "armlet" / "small"
    assert (deployment.folder, deployment.pushed) == (str(place), True)
    assert deployment.worst_error <= artifact.manifest["tolerance"]
    # Other tests of this board leave servers, and nothing may be left half pushed.
    names = {path.name for path in place.parent.iterdir()}
    assert {name for name in names if not name.startswith("rpc-server-")} == {"small"}
    for name in artifact.manifest["files"]:
        assert (place / name).read_bytes() == (artifact.folder / name).read_bytes()

    # What it has computed is not left there.
    ours = {f"{name}.py" for name in ("example", "example_tvm")} | {INPUT, *PROGRAMS, "manifest.json"}
    assert {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()} == {
        *artifact.manifest["files"],
        *ours,
    }

    assert list(deployment.commands) == ["run", "time"]
    done = [
        subprocess.run(shlex.split(line), capture_output=True, text=True)
        for line in deployment.commands.values()
    ]
    assert [(each.returncode, each.stderr) for each in done] == [(0, ""), (0, "")]
    logits = np.fromfile(place / "output.bin", np.float32)
    np.testing.assert_allclose(logits, artifact.sample[1].ravel(), rtol=0, atol=1e-4 * np.ptp(logits))
    assert "the network" in done[1].stdout

    again = deploy(artifact, device)
    assert not again.pushed
    assert again.commands == deployment.commands


def test_the_programs_need_nothing_and_fit_pages_of_16_kb(raspberry_pi, artifact):
    place = raspberry_pi.board.home / "armlet" / "small"
    deploy(artifact, open_device(raspberry_pi.uri))
    for name in (*PROGRAMS, "model.so", f"c/lib{artifact.manifest['c_library']['name']}.so"):
        with (place / name).open("rb") as file:
            segments = list(ELFFile(file).iter_segments())
        assert not any(segment["p_type"] == "PT_INTERP" for segment in segments)
        loaded = [segment["p_align"] for segment in segments if segment["p_type"] == "PT_LOAD"]
        assert all(align % 16384 == 0 for align in loaded), (name, loaded)


def test_a_processor_without_the_instructions_is_told_so(raspberry_pi, model, tmp_path):
    newer = compile_model(model, tmp_path / "newer", find_core("armv8.2-a+fp16+dotprod"))
    message = (
        "^ssh://raspberrypi: example: this processor lacks what .* needs: .*: compile it for an older core"
    )
    with pytest.raises(InvalidArtifactError, match=message):
        deploy(newer, open_device(raspberry_pi.uri))


def test_a_wrong_output_is_refused(raspberry_pi, artifact, monkeypatch):
    image, expected = artifact.sample
    monkeypatch.setitem(artifact.__dict__, "sample", (image, expected + 1))
    with pytest.raises(
        ArmletError, match=r"^ssh://raspberrypi and ONNX Runtime differ by .*, expected at most"
    ):
        deploy(artifact, open_device(raspberry_pi.uri))


@pytest.mark.skipif(platform.machine() == "aarch64", reason="an artifact for this machine runs there")
def test_an_artifact_for_another_machine_is_refused(raspberry_pi, for_host):
    with pytest.raises(InvalidArtifactError, match=r"is for x86_64, ssh://raspberrypi is aarch64"):
        deploy(for_host, open_device(raspberry_pi.uri))


def test_a_device_without_a_shell_is_wrong_usage(artifact):
    with pytest.raises(UsageError, match=r"^host cannot be deployed to: use ssh://.* or adb:SERIAL$"):
        deploy(artifact, open_device("host"))


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (["Python"], {"run in Python": "example.py"}),
        (["Python", "0.1.0", "0.1.0"], {"run in Python": "example.py"}),
        (
            ["Python", *installed_pins().values()],
            {"run in Python": "example.py", "run by the TVM installed there": "example_tvm.py"},
        ),
    ],
    ids=["Python", "another TVM", "TVM"],
)
def test_a_board_with_python_is_told_how_to_use_it(raspberry_pi, artifact, says, expected):
    python = raspberry_pi.board.programs / "python3"
    python.write_text(f"#!/bin/sh\necho {' '.join(says)}\n")
    python.chmod(0o755)
    try:
        commands = deploy(artifact, open_device(raspberry_pi.uri)).commands
    finally:
        python.unlink()
    folder = raspberry_pi.board.home / "armlet/small"
    lines = {what: f"ssh raspberrypi 'cd {folder} && python3 {file}'" for what, file in expected.items()}
    assert {what: line for what, line in commands.items() if "Python" in what or "TVM" in what} == lines


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_the_examples_in_python_run(for_host, tmp_path, example):
    shutil.copytree(for_host.folder, tmp_path, dirs_exist_ok=True)
    for_host.sample[0].tofile(tmp_path / INPUT)
    done = subprocess.run([sys.executable, example], cwd=tmp_path, capture_output=True, text=True)
    largest = for_host.sample[1].argmax()
    assert (done.returncode, done.stdout) == (0, f"largest at {largest}\n"), done.stderr


def test_the_example_in_python_gives_whole_numbers_their_room(tmp_path):
    model = build("lraspp_mobilenet_v3_small", resolution=64, width=0.35, filters=8, argmax=True)
    artifact = compile_model(model, tmp_path / "street", find_core("host"))
    artifact.sample[0].tofile(artifact.folder / INPUT)
    command = [sys.executable, EXAMPLES / "example.py"]
    done = subprocess.run(command, cwd=artifact.folder, capture_output=True, text=True)
    assert artifact.sample[1].dtype == np.int64
    assert done.stdout == f"largest at {artifact.sample[1].argmax()}\n", done.stderr


def test_the_command_reports(raspberry_pi, artifact):
    from .cli.process import armlet

    reported = armlet("deploy", artifact.folder, "--device", raspberry_pi.uri, "--json")
    assert reported.returncode == 0, reported.stderr
    assert json.loads(reported.stdout)["device"] == raspberry_pi.uri
    done = armlet("deploy", artifact.folder, "--device", raspberry_pi.uri)
    assert "was there already, whole" in done.stdout
    assert (
        f"ssh raspberrypi 'cd {raspberry_pi.board.home}/armlet/small && ./benchmark --kernels'" in done.stdout
    )
    assert armlet("deploy", artifact.folder, "--device", "ssh://127.0.0.1:1").returncode == 5
