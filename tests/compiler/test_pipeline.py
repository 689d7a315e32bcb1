import json
import os
import subprocess
import sys

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from armlet import build, compile_model
from armlet.artifact import sha256
from armlet.errors import ArmletError, InvalidModelError, UsageError
from armlet.frontend import open_model
from armlet.targets import find_core, open_device


def small(**options):
    return build("mobilenet_v3_small", resolution=64, width=0.35, **options)


def test_an_artifact_for_this_machine(tmp_path):
    steps = []
    artifact = compile_model(
        small(),
        tmp_path / "made",
        find_core("host"),
        witness=open_device("host"),
        progress=lambda what, part: steps.append((what, part)),
    )
    manifest, report = artifact.manifest, artifact.report
    assert manifest["inputs"] == [
        {"name": "image", "shape": [1, 3, 64, 64], "type": "float32", "layout": "nchw"}
    ]
    assert manifest["outputs"] == [{"name": "logits", "shape": [1, 1000], "type": "float32", "layout": None}]
    assert manifest["pins"] == {"apache-tvm": "0.27.0.post1", "apache-tvm-ffi": "0.1.14.post1"}
    assert manifest["source"]["weights"] == "random, seed 0"
    assert manifest["preprocessing"]["crop"] == 64
    assert manifest["files"]["model.so"] == sha256(artifact.library)
    assert report["verification"]["device"] == "host"
    assert report["verification"]["worst_error"] <= 1e-4
    assert report["passes"]["worst_error"] <= 1e-5
    # Every MAC of the network is in the kernel table.
    from armlet.frontend import count

    assert sum(k["macs"] * len(k["layers"]) for k in manifest["kernels"]) == count(small()).macs
    calls = [number for kernel in manifest["kernels"] for number in kernel["calls"]]
    assert sorted(calls) == list(range(len(calls)))
    assert (manifest["kernels"][0]["layers"][0], calls[0]) == ("stem/conv", 0)
    assert manifest["fused"]["block3/project/conv"] == ["block3/project/conv", "block3/add"]
    # The sample is what ONNX Runtime gave.
    image, expected = artifact.sample
    with open_device("host").connect() as session:
        (got,) = session.load(artifact.library).run([image])
    assert np.abs(got - expected).max() <= 1e-4 * np.ptp(expected)
    onnx.checker.check_model(str(artifact.model), full_check=True)
    # Progress only goes forward, and says what is being done.
    assert [part for _, part in steps] == sorted(part for _, part in steps)
    assert {what for what, _ in steps} >= {"optimise", "network", "verify"}


def test_nhwc(tmp_path):
    model = small()
    artifact = compile_model(
        model, tmp_path / "made", find_core("host"), layout="nhwc", witness=open_device("host")
    )
    assert artifact.manifest["inputs"][0]["shape"] == [1, 64, 64, 3]
    assert artifact.sample[0].shape == (1, 64, 64, 3)
    assert artifact.report["verification"]["worst_error"] <= 1e-4


SCRIPT = """
import sys
from pathlib import Path
from armlet import build, compile_model
from armlet.targets import find_core
model = build("mobilenet_v3_small", resolution=64, width=0.35)
compile_model(model, Path(sys.argv[1]), find_core(sys.argv[2]))
"""


@pytest.mark.parametrize("core", ["host", "cortex-a76"])
def test_the_same_bytes_wherever_it_is_made(tmp_path, core):
    manifests = []
    for number in range(2):
        folder = tmp_path / ("elsewhere" * (number + 1))
        (folder / "tmp").mkdir(parents=True)
        environment = os.environ | {
            "PYTHONHASHSEED": str(number),
            "TMPDIR": str(folder / "tmp"),
            "ARMLET_CACHE": str(folder / "cache"),
        }
        command = [sys.executable, "-c", SCRIPT, str(folder / "made"), core]
        subprocess.run(command, cwd=folder, env=environment, check=True)
        manifests.append(json.loads((folder / "made" / "manifest.json").read_text()))
        assert not any((folder / "tmp").glob("armlet*"))
    assert manifests[0] == manifests[1]
    assert len(manifests[0]["files"]) == 9


def test_a_second_compilation_takes_kernels_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ARMLET_CACHE", str(tmp_path / "cache"))
    first = compile_model(small(), tmp_path / "first", find_core("host"))
    cache = tmp_path / "cache" / "kernels"
    objects = {path: path.stat().st_mtime_ns for path in cache.glob("*/kernel.o")}
    assert len(objects) == len(first.manifest["kernels"])
    # Other weights, the same kernels.
    second = compile_model(small(seed=1), tmp_path / "second", find_core("host"))
    assert {path: path.stat().st_mtime_ns for path in cache.glob("*/kernel.o")} == objects
    assert second.manifest["kernels"] == first.manifest["kernels"]
    assert second.manifest["files"]["model.so"] != first.manifest["files"]["model.so"]


def test_without_a_witness_the_report_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr("armlet.targets.qemu.find_qemu", lambda: None)
    verification = compile_model(small(), tmp_path / "made", find_core("cortex-a76")).report["verification"]
    assert verification["device"] is None
    assert "apt-get install qemu-user" in verification["reason"]


class WrongDevice:
    """A device that computes something else: the network's input instead of its output."""

    uri, core, measures_time = "wrong", None, False

    def connect(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def load(self, library):
        assert library.exists()
        return self

    def run(self, inputs):
        return [np.zeros((1, 1000), np.float32)]


def test_a_wrong_result_is_no_artifact(tmp_path):
    with pytest.raises(ArmletError, match=r"off by .* on wrong"):
        compile_model(small(), tmp_path / "made", find_core("host"), witness=WrongDevice())
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 21])
def test_models_of_older_opsets(opset, tmp_path):
    proto = onnx.parser.parse_model(
        f'<ir_version: 7, opset_import: ["" : {opset}]> old (float[1,3,9,9] x) => (float[1,4,9,9] y) {{ '
        "a = Conv(x, w) b = BatchNormalization(a, scale, bias, mean, var) c = HardSigmoid(b) y = Relu(c) }"
    )
    rng = np.random.default_rng(0)
    for name, shape in {"w": (4, 3, 1, 1), "scale": (4,), "bias": (4,), "mean": (4,), "var": (4,)}.items():
        array = rng.uniform(0.5, 1.5, shape).astype(np.float32)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    for number, node in enumerate(proto.graph.node):
        node.name = f"node{number}"
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    artifact = compile_model(open_model(str(tmp_path / "m.onnx")), tmp_path / "made", find_core("host"))
    assert artifact.report["verification"]["worst_error"] < 1e-5
    assert artifact.manifest["source"]["sha256"] == sha256(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("text", "shape", "complaint"),
    [
        ("y = Relu(x)", "2,3,4,4", r"shape \[2, 3, 4, 4\], expected batch 1"),
        ("y = LpNormalization(x)", "1,3,4,4", "LpNormalization"),
    ],
)
def test_what_is_not_compiled_leaves_nothing(text, shape, complaint, parse, tmp_path):
    with pytest.raises(InvalidModelError, match=complaint):
        compile_model(parse(text, shape), tmp_path / "made", find_core("host"))
    assert not any(tmp_path.iterdir())


def test_two_inputs_are_refused(parse, tmp_path):
    model = parse("y = Relu(x)", "1,3,4,4")
    model.graph.inputs.append(ir.Value(name="other"))
    with pytest.raises(InvalidModelError, match="2 inputs"):
        compile_model(model, tmp_path / "made", find_core("host"))


def test_an_existing_folder_is_kept(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "precious").touch()
    with pytest.raises(UsageError, match="--force"):
        compile_model(small(), tmp_path / "made", find_core("host"))
    assert (tmp_path / "made" / "precious").exists()


@pytest.mark.parametrize(
    ("dtype", "shape", "complaint"),
    [
        (ir.DataType.INT64, "1,4", "input 'x' is INT64, expected float32 or uint8"),
        (ir.DataType.UINT8, "1,3,8,8", r"uint8 of the shape \[1, 3, 8, 8\], expected a frame"),
        (ir.DataType.UINT8, "1,8", r"uint8 of the shape \[1, 8\], expected a frame"),
    ],
)
def test_inputs_that_are_neither_numbers_nor_frames(dtype, shape, complaint, parse, tmp_path):
    model = parse("f = Cast <to: int = 1> (x) y = Relu(f)", shape)
    model.graph.inputs[0].dtype = dtype
    with pytest.raises(InvalidModelError, match=complaint):
        compile_model(model, tmp_path / "made", find_core("host"))
