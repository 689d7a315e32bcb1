"""What becomes float16, what stays, and why."""

import numpy as np
import onnx_ir as ir
import pytest

from armlet import compile_model
from armlet.compiler.fuse import fuse
from armlet.compiler.lowering import lower
from armlet.compiler.precision import halve
from armlet.frontend import build
from armlet.passes.verify import references
from armlet.targets import find_core

TWO_LAYERS = "s = Conv(x, k, b) r = Relu(s) y = Conv(r, l, b)"
WEIGHTS = {"k": (8, 8, 1, 1), "l": (8, 8, 1, 1), "b": (8,)}


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape, dtype=np.float32)


@pytest.fixture
def halved(parse):
    """A fused model in half precision, and the layers that stayed with the reasons."""

    def make(text: str = TWO_LAYERS, shape: str = "1,8,5,5", **weights):
        model = parse(text, shape, **weights or WEIGHTS)
        fused = model.clone()
        fuse(fused, find_core("cortex-a76"))
        return fused, halve(fused, model, *references(model, 1.0))

    return make


def types(model: ir.Model) -> dict[str, str]:
    return {value.name: value.dtype.numpy().name for node in model.graph for value in node.outputs}


def test_what_layers_hand_on_is_half_and_the_interface_is_not(halved):
    model, kept = halved()
    assert types(model) == {"r": "float16", "y": "float32"}
    assert {node.attributes.get_string("precision", "") for node in model.graph} == {"float16"}
    assert not kept


@pytest.mark.parametrize("scale", [1e-8, 1e6])
def test_weights_that_do_not_fit_stay(scale, halved):
    first = np.float32(scale) * normal(8, 8, 1, 1)
    model, kept = halved(k=first, l=normal(8, 8, 1, 1) / np.float32(scale), b=(8,))
    assert set(kept) >= {"s"}
    assert "weights" in kept["s"] or "sums" in kept["s"]
    assert "precision" not in model.graph[0].attributes


def test_values_that_do_not_fit_stay_and_so_do_their_layers(halved):
    model, kept = halved(
        k=np.float32(2e3) * normal(8, 8, 1, 1), l=np.float32(1e-3) * normal(8, 8, 1, 1), b=(8,)
    )
    assert types(model)["r"] == "float32"
    assert set(kept) == {"s", "y"}
    assert "reach" in kept["s"]
    assert "r reach" in kept["y"]


def test_what_tvm_computes_stays_single(halved):
    model, kept = halved("s = Conv(x, k, b) e = Tanh(s) y = Conv(e, l, b)")
    assert types(model) == {"s": "float32", "e": "float32", "y": "float32"}
    assert kept == {"e": "left to TVM's own code"}


def test_a_reshaped_value_is_of_one_type(halved):
    text = "s = Conv(x, k, b) p = GlobalAveragePool(s) f = Flatten(p) y = Gemm<transB=1>(f, m)"
    model, kept = halved(text, k=(8, 8, 1, 1), b=(8,), m=(5, 8))
    found = types(model)
    assert found["f"] == next(kind for name, kind in found.items() if name == "p")
    assert not kept


def test_a_mean_is_summed_in_single_precision(halved):
    text = (
        "s = Conv<group=8, pads=[1,1,1,1]>(x, k, b) p = GlobalAveragePool(s) m = Mul(s, p) y = Conv(m, l, b)"
    )
    model, _ = halved(text, k=(8, 1, 3, 3), l=(8, 8, 1, 1), b=(8,))
    depthwise = next(node for node in model.graph if node.op_type == "DepthwiseConv")
    assert [value.dtype for value in depthwise.outputs] == [ir.DataType.FLOAT16, ir.DataType.FLOAT]


def test_weights_take_half_the_room(parse):
    model = parse(TWO_LAYERS, "1,8,5,5", **WEIGHTS)
    sizes = []
    for core, precision in (("cortex-a76", "fp32"), ("cortex-a76", "fp16"), ("cortex-a72", "fp16")):
        fused = model.clone()
        fuse(fused, find_core(core))
        if precision == "fp16":
            halve(fused, model, *references(model, 1.0))
        kernels = lower(fused, "nhwc", find_core(core)).kernels.values()
        sizes.append(sum(kernel.constants[0].nbytes for kernel in kernels))
    assert sizes[0] == 2 * sizes[1] == 2 * sizes[2]


@pytest.mark.parametrize(
    "core",
    [
        "host",
        pytest.param("cortex-a76", marks=pytest.mark.emulator),
        pytest.param("cortex-a55", marks=pytest.mark.emulator),
        pytest.param("cortex-a53", marks=[pytest.mark.emulator, pytest.mark.full]),
    ],
)
def test_a_network(core, tmp_path):
    model = build("mobilenet_v3_small", resolution=64, width=0.5, classes=10)
    artifact = compile_model(model, tmp_path / "made", find_core(core), precision="fp16")
    assert artifact.manifest["precision"] == "fp16"
    assert artifact.manifest["tolerance"] == 2e-2
    assert artifact.manifest["kept_fp32"] == {}
    assert {entry["type"] for key in ("inputs", "outputs") for entry in artifact.manifest[key]} == {"float32"}
    verification = artifact.report["verification"]
    assert verification["device"] == (core if core == "host" else f"emulated:{core}")
    assert verification["worst_error"] < 5e-3
    assert verification["signal_to_noise_db"] > 40


def test_single_precision_is_held_to_its_own_tolerance(tmp_path):
    model = build("mobilenet_v3_small", resolution=32, width=0.35, classes=10)
    artifact = compile_model(model, tmp_path / "made", find_core("host"))
    assert (artifact.manifest["precision"], artifact.manifest["tolerance"]) == ("fp32", 1e-4)
    assert artifact.manifest["kept_fp32"] == {}
    assert artifact.report["verification"]["signal_to_noise_db"] > 90
