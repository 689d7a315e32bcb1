"""The networks whole, on emulated phones: ONNX Runtime's result on ordinary and on large inputs."""

import shutil

import numpy as np
import pytest

from armlet import build, compile_model
from armlet.inference import infer
from armlet.targets import find_core, open_device

NETWORKS = ["mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2"]
CORES = ["cortex-a53", "cortex-a72", "cortex-a76"]
# Every network and every core once; the rest takes minutes.
ONCE = [*zip(CORES, NETWORKS, strict=True)]


def check(name, core, folder, os="linux"):
    """Compile, which runs both references on the device, then run the artifact as a user does."""
    phone = open_device(f"emulated:{core}")
    artifact = compile_model(build(name), folder / "made", find_core(core), os=os, witness=phone)
    assert artifact.report["verification"]["device"] == f"emulated:{core}"
    assert artifact.report["verification"]["worst_error"] <= 2e-5
    assert artifact.report["passes"]["worst_error"] <= 1e-5

    image = np.random.default_rng(7).standard_normal((1, 3, 224, 224), dtype=np.float32)
    result = infer(artifact, phone, image)
    assert result.worst_error <= 2e-5
    assert result.same == 1

    weights = sum(kernel["constant_bytes"] * len(kernel["layers"]) for kernel in artifact.manifest["kernels"])
    # The others have more layers, so more kernels.
    code = 400 * 1024 if name == "mobilenet_v3_small" else 500 * 1024
    assert (artifact.folder / f"c/lib{name}.so").stat().st_size <= weights + code
    shutil.rmtree(folder / "made")


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("core", "name"),
    [
        pytest.param(core, name, marks=[] if (core, name) in ONCE else pytest.mark.full)
        for core in CORES
        for name in NETWORKS
    ],
)
def test_on_an_emulated_phone(core, name, tmp_path):
    check(name, core, tmp_path)


@pytest.mark.emulator
def test_the_android_library_needs_nothing_of_android(tmp_path):
    check("mobilenet_v3_small", "cortex-a55", tmp_path, os="android")


@pytest.mark.parametrize("name", NETWORKS)
def test_on_this_machine(name, tmp_path):
    host = open_device("host")
    artifact = compile_model(build(name), tmp_path / "made", find_core("host"), witness=host)
    assert artifact.report["verification"]["worst_error"] <= 2e-5
    assert infer(artifact, host, artifact.sample[0]).same == 1


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mobilenet_v3_large", {"minimalistic": True}),
        ("mobilenet_v3_small", {"minimalistic": True}),
        ("mobilenet_v3_large", {"width": 0.75, "source": "torchvision", "resolution": 192}),
        ("mobilenet_v3_large", {"width": 0.35, "resolution": 96, "classes": 21}),
        ("mobilenet_v3_small", {"width": 1.25, "resolution": 129}),
        ("mobilenet_v2", {"width": 1.4, "classes": 1001}),
        ("mobilenet_v2", {"width": 0.35, "resolution": 97}),
        ("mobilenet_v3_small", {"source": "keras", "width": 0.5, "resolution": 96}),
        ("mobilenet_v3_small", {"output_stride": 8, "resolution": 96}),
        ("mnasnet_a1", {}),
        ("mnasnet_small", {}),
        ("lraspp_mobilenet_v3_large", {"source": "torchvision", "resolution": (128, 96)}),
        ("lraspp_mobilenet_v3_small", {"resolution": (129, 257)}),
        ("lraspp_mobilenet_v2", {"resolution": 128, "output_stride": 8}),
        ("raspp_mobilenet_v3_small", {"resolution": (96, 160)}),
        ("raspp_mobilenet_v2", {"resolution": 128}),
        ("ssdlite_mobilenet_v3_large", {"postprocess": False, "reduced_tail": True}),
        ("ssdlite_mobilenet_v3_small", {"postprocess": False, "source": "torchvision"}),
    ],
)
def test_variants_on_this_machine(name, options, tmp_path):
    host = open_device("host")
    artifact = compile_model(build(name, **options), tmp_path / "made", find_core("host"), witness=host)
    assert artifact.report["verification"]["worst_error"] <= 2e-5
