"""check, init-ci."""

import json

import pytest

from .process import armlet, refused


@pytest.mark.emulator
def test_check_on_a_simulated_core(for_a53, tmp_path):
    command = ["check", for_a53, "--device", "sim:cortex-a53", "--baseline", tmp_path / "b.json"]
    assert "make it with --update" in refused(6, *command)
    assert armlet(*command, "--update").returncode == 0
    passed = armlet(*command, "--junit", tmp_path / "j.xml", "--summary", tmp_path / "s.md")
    assert passed.returncode == 0
    assert passed.stdout.splitlines()[-1] == "passed"
    assert (tmp_path / "j.xml").exists()
    assert "✅" in (tmp_path / "s.md").read_text()

    content = json.loads((tmp_path / "b.json").read_text())
    (entry,) = content["artifacts"].values()
    entry["cycles"] -= entry["cycles"] // 50
    (tmp_path / "b.json").write_text(json.dumps(content))
    slower = armlet(*command, "--json")
    assert slower.returncode == 3
    assert json.loads(slower.stdout)["outcome"] == "regression"
    assert armlet(*command, "--threshold", "3").returncode == 0


def test_check_refuses_what_has_no_exact_figures(artifact, tmp_path):
    complaint = refused(2, "check", artifact, "--device", "host", "--baseline", tmp_path / "b.json")
    assert "only compared within a run" in complaint


@pytest.mark.parametrize("option", ["--threshold", "--cooldown"])
def test_what_is_no_number_is_no_limit(artifact, option):
    command = ["check", artifact, "--device", "host", "--against", artifact, option, "nan"]
    assert f"'{option}': 'nan' is no number" in refused(2, *command)


def test_init_ci(tmp_path):
    done = armlet("init-ci", "mobilenet_v3_small", "--target", "cortex-a53", cwd=tmp_path)
    assert done.returncode == 0
    assert "sim:cortex-a53" in (tmp_path / ".github/workflows/armlet.yml").read_text()
    assert "--update" in done.stdout
    again = refused(2, "init-ci", "mobilenet_v3_small", "--target", "cortex-a53", cwd=tmp_path)
    assert "--force" in again
