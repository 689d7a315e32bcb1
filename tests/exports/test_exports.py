"""Networks exported by others: every site found, numbers kept, compiled and run on an emulated phone.

`make.py` made the files.
"""

from collections import Counter
from pathlib import Path

import pytest

from armlet import compile_model
from armlet.frontend.importer import from_proto
from armlet.passes import optimize
from armlet.passes.verify import TOLERANCE
from armlet.targets import find_core, open_device

from .topology import filled

HERE = Path(__file__).parent
# Batch norms that the exporter has left, h-swishes, squeeze-excites; Mul and Add in the end.
# An h-swish has two of Mul and one of Add; the others are sums of blocks, and in networks of Keras's what
# brings a picture from 0..255 to -1..1.
SITES = {
    "keras-torch-small": (0, 19, 9, 39, 27),
    "tf2onnx-large-15": (0, 21, 8, 43, 31),
    "tf2onnx-minimal-13": (0, 0, 0, 1, 8),
    "tf2onnx-small-11": (0, 19, 9, 38, 26),
    "tf2onnx-v2-17-nchw": (0, 0, 0, 0, 10),
    "timm-large-dynamo-20": (0, 21, 8, 42, 31),
    "timm-semnasnet-dynamo-18": (0, 0, 0, 8, 9),
    "timm-small-older-14-onnxslim": (0, 19, 9, 38, 26),
    "timm-tf-minimal-older-16": (0, 0, 0, 0, 6),
    "torchvision-large-dynamo-21-open-batch": (46, 21, 8, 42, 31),
    "torchvision-large-dynamo-21-open-batch-onnxslim": (46, 21, 8, 42, 31),
    "torchvision-large-older-13-open-batch": (0, 21, 8, 42, 31),
    "torchvision-small-dynamo-18": (0, 19, 9, 38, 26),
    "torchvision-small-dynamo-18-onnxsim": (0, 19, 9, 38, 26),
    "torchvision-small-older-11": (0, 19, 9, 38, 26),
    "torchvision-small-older-11-training": (34, 19, 9, 38, 26),
    "torchvision-small-older-17-training": (34, 19, 9, 38, 26),
    "torchvision-small-older-17-training-kept": (34, 19, 9, 38, 26),
    "torchvision-small-older-17-training-kept-onnxsim": (0, 19, 9, 38, 26),
    "torchvision-v2-dynamo-20": (0, 0, 0, 0, 10),
}
# Convolutions and linear layers outside squeeze-excite.
LAYERS = {"small": 36, "large": 48, "minimal": 36, "v2": 53, "semnasnet": 66}
# Besides Mul and Add; of the first three there is one in Keras's networks alone.
LEFT = {
    *("Transpose", "Pad", "Softmax", "Conv", "Gemm", "Relu", "Clip", "SqueezeExcite", "GlobalAveragePool"),
    *("Reshape", "Flatten", "Squeeze"),
}


def load(name):
    return from_proto(filled(HERE / f"{name}.onnx"), name)


def test_every_export_is_here():
    assert {path.stem for path in HERE.glob("*.onnx")} == SITES.keys()
    assert sum(path.stat().st_size for path in HERE.glob("*.onnx")) < 5 << 18


@pytest.mark.parametrize(
    ("name", "turned"),
    [("11-training", "34 BatchNormalization"), ("17-training", "34 BatchNormalization, 1 Dropout")],
)
def test_training_mode_is_turned_to_inference(name, turned):
    model = load(f"torchvision-small-older-{name}")
    assert model.metadata_props["armlet.turned_to_inference"] == turned


@pytest.mark.parametrize("name", SITES)
def test_every_site_is_found_and_numbers_are_kept(name):
    optimized = optimize(load(name))
    passes = {entry.name: entry for entry in optimized.report.passes}
    operators = Counter(node.op_type for node in optimized.model.graph)
    found = [passes[step].rewritten for step in ("fold_batch_norm", "clip_hard_swish", "fuse_squeeze_excite")]
    assert (*found, operators.pop("Mul", 0), operators.pop("Add")) == SITES[name]
    # An h-sigmoid is part of an h-swish or of a squeeze-excite: none is by itself.
    assert passes["clip_hard_sigmoid"].rewritten == 0
    assert all(entry.worst_error <= TOLERANCE for entry in passes.values())
    assert optimized.report.worst_error <= TOLERANCE

    layers = next(layers for network, layers in LAYERS.items() if f"-{network}" in name)
    assert operators["Conv"] + operators["Gemm"] == layers
    refused = {entry.name: len(entry.refused) for entry in passes.values() if entry.refused}
    if "semnasnet" in name:  # Its gates are plain sigmoids.
        assert refused == {"fuse_squeeze_excite": 8}
        assert passes["fuse_squeeze_excite"].found == 8
        assert operators.pop("Sigmoid") == 8
    else:
        assert not refused
    of_keras = [operators[operator] for operator in ("Transpose", "Pad", "Softmax")]
    assert max(of_keras) <= (1 if "keras" in name or "tf2onnx" in name else 0)
    assert operators.keys() <= LEFT


# What no kernel of armlet's computes: ends of Keras's networks.
FALLBACKS = {"(Softmax)", "(Pad)"}


# Between two orders of summing: on a large input of torchvision's V2, whose weights are not trained to one
# another, ONNX Runtime itself is 1.5e-5 of the range from what float64 gives.
ROUNDING = 4e-5


def check_on_phone(name, folder):
    phone = open_device("emulated:cortex-a76")
    artifact = compile_model(
        load(name), folder / "made", find_core("cortex-a76"), name="foreign", witness=phone
    )
    assert artifact.report["verification"]["device"] == phone.uri
    assert artifact.report["verification"]["worst_error"] <= ROUNDING
    left = {layer.rpartition(" ")[2] for layer in artifact.report["fallbacks"]}
    assert left <= (FALLBACKS if "keras" in name or "tf2onnx" in name else set())


# The three that came furthest: NHWC throughout, shapes computed in the graph, transposed and padded.
SHORT = ("keras-torch-small", "torchvision-large-dynamo-21-open-batch", "tf2onnx-small-11")


@pytest.mark.emulator
@pytest.mark.parametrize("name", SHORT)
def test_on_an_emulated_phone(name, tmp_path):
    check_on_phone(name, tmp_path)


@pytest.mark.full
@pytest.mark.emulator
@pytest.mark.parametrize("name", sorted(SITES.keys() - {*SHORT}))
def test_the_others_on_an_emulated_phone(name, tmp_path):
    check_on_phone(name, tmp_path)
