"""The command line itself: help, exit codes, one line for each failure, nothing half written."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from armlet import build
from armlet.frontend import save

from ..waiting import wait_until
from .process import ARMLET, armlet, refused


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        *(
            [name, "--help"]
            for name in ("build", "compile", "run", "bench", "explain", "check", "devices", "deploy")
        ),
    ],
)
def test_help_imports_nothing_heavy(arguments):
    script = (
        "import sys; from armlet.cli import cli\n"
        f"cli.main({arguments!r}, prog_name='armlet', standalone_mode=False)\n"
        "heavy = {'tvm', 'tvm_ffi', 'onnx', 'onnx_ir', 'onnxruntime', 'numpy', 'onnxscript', 'PIL', 'rich'}\n"
        "sys.exit(f'imports {heavy & sys.modules.keys()}' if heavy & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "armlet" in done.stdout


def test_an_output_that_takes_no_more():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([ARMLET, "models"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (1, "armlet: No space left on device\n")


def test_wrong_usage(tiny, artifact, tmp_path):
    out = tmp_path / "out"
    assert "no model named 'resnet50'" in refused(2, "build", "resnet50", "-o", out)
    assert "no ONNX file at" in refused(2, "optimize", tmp_path / "absent.onnx", "-o", out)
    assert "neither a model (mobilenet_v3_large, " in refused(
        2, "compile", "resnet50", "-o", out, "--target", "host"
    )
    assert "cortex-a99" in refused(2, "compile", tiny, "-o", out, "--target", "cortex-a99")
    assert "fp8" in refused(2, "compile", tiny, "-o", out, "--target", "host", "--precision", "fp8")
    assert "toaster" in refused(2, "run", artifact, "--device", "toaster:7")
    assert "cortex-a99" in refused(2, "run", artifact, "--device", "emulated:cortex-a99")
    assert "--force" in refused(2, "build", "mobilenet_v2", "-o", tiny)
    assert "--force" in refused(2, "compile", tiny, "-o", artifact, "--target", "host")
    assert "--nonsense" in refused(2, "models", "--nonsense")
    assert "minimalistic" in refused(2, "build", "mobilenet_v2", "--minimalistic", "-o", out)
    assert not out.exists()


def test_invalid_models(tiny, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "cut.onnx").write_bytes(tiny.read_bytes()[:100_000])
    assert "text.onnx" in refused(6, "optimize", tmp_path / "text.onnx", "-o", out)
    assert "cut.onnx" in refused(6, "compile", tmp_path / "cut.onnx", "-o", out, "--target", "host")

    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    weight = model.graph.initializers["stem/conv/weight"]
    array = weight.const_value.numpy().copy()
    array[0, 0, 0, 0] = np.nan
    weight.const_value = ir.tensor(array, name=weight.name)
    save(model, tmp_path / "nan.onnx")
    assert "stem/conv/weight" in refused(6, "optimize", tmp_path / "nan.onnx", "-o", out)
    assert "stem/conv/weight" in refused(6, "compile", tmp_path / "nan.onnx", "-o", out, "--target", "host")
    assert not out.exists()


def test_what_cannot_be_written(tiny, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot write" in refused(1, "build", "mobilenet_v2", "-o", tmp_path / "file" / "m.onnx")
    assert "cannot write" in refused(1, "compile", tiny, "-o", tmp_path / "file" / "a", "--target", "host")
    assert "cannot write" in refused(1, "build", "mobilenet_v2", "-o", "/proc/armlet/m.onnx")


def test_a_terminated_compilation_leaves_nothing(tmp_path):
    command = [str(ARMLET), "compile", "mobilenet_v3_large", "-o", str(tmp_path / "out"), "--target", "host"]
    cache = tmp_path / "cache"
    process = subprocess.Popen(command, env=os.environ | {"ARMLET_CACHE": str(cache)})
    wait_until(lambda: any(cache.rglob("*.o")), seconds=120)
    process.terminate()
    assert process.wait(timeout=120) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_cache_that_cannot_be_made(tiny, tmp_path):
    done = armlet("compile", tiny, "-o", tmp_path / "out", "--target", "host", ARMLET_CACHE="/proc/nope")
    assert done.returncode == 1
    assert "the cache /proc/nope" in done.stderr


def test_a_full_disk(tiny, tmp_path):
    limited = f"ulimit -f 1000; exec {ARMLET} compile {tiny} -o {tmp_path / 'out'} --target host"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "armlet: cannot write" in done.stderr.strip().splitlines()[-1]
    assert not any(tmp_path.iterdir())


def test_debug_shows_where(tmp_path):
    done = armlet("--debug", "build", "resnet50", "-o", tmp_path / "m.onnx")
    assert "Traceback" in done.stderr
    assert "UsageError" in done.stderr
