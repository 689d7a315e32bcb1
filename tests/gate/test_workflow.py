import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from armlet import build
from armlet.errors import UsageError
from armlet.frontend import save
from armlet.gate import write_workflow

ROOT = Path(__file__).parents[2]


def scripts(workflow: Path) -> dict[str, str]:
    """What each step runs, by its name."""
    found = re.findall(r"- name: (.*)\n        run: \|\n((?: {10}.*\n)+)", workflow.read_text())
    return {name: re.sub(r"^ {10}", "", text, flags=re.M) for name, text in found}


def test_the_one_in_the_documentation(tmp_path):
    write_workflow(tmp_path / "w.yml", "mobilenet_v3_small", "cortex-a53")
    assert f"```yaml\n{(tmp_path / 'w.yml').read_text()}```" in (ROOT / "docs/ci.md").read_text()


def shell(script: str, folder: Path) -> subprocess.CompletedProcess:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    return subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True)


@pytest.mark.emulator
def test_what_it_runs_works(tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    model = build("mobilenet_v3_small", resolution=32, width=0.35, classes=10)
    save(model, tmp_path / "my model.onnx")
    workflow = tmp_path / ".github/workflows/armlet.yml"
    monkeypatch.chdir(tmp_path)
    compiling, updating, adding = write_workflow(workflow, "my model.onnx", "cortex-a53")
    steps = scripts(workflow)
    assert list(steps) == [
        *("Install armlet", "Install a cross compiler, qemu and llvm-mca", "Compile", "Check")
    ]
    assert compiling == steps["Compile"].strip()
    assert shell(steps["Compile"], tmp_path).returncode == 0
    assert shell(steps["Check"], tmp_path).returncode == 6
    assert shell(updating, tmp_path).returncode == 0
    done = shell(steps["Check"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"network", "check.xml", "check.html"}
    assert shell(f"git init -q . && {adding}", tmp_path).returncode == 0
    # Installing is left to the CI; that it is a script can be seen here.
    for step in steps.values():
        assert shell(f"bash -n <<'END'\n{step}END", tmp_path).returncode == 0


def test_wrong_usage(tmp_path):
    path = tmp_path / "w.yml"
    with pytest.raises(UsageError, match="no model of cortex-a510"):
        write_workflow(path, "mobilenet_v3_small", "cortex-a510")
    with pytest.raises(UsageError, match="'mobilenet_v4' is neither a model"):
        write_workflow(path, "mobilenet_v4", "cortex-a53")
    assert not path.exists()
    write_workflow(path, "mobilenet_v3_small", "cortex-a53")
    with pytest.raises(UsageError, match="--force"):
        write_workflow(path, "mobilenet_v3_small", "cortex-a53")
