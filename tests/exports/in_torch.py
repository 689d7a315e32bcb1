"""Exports by PyTorch's two exporters and by Keras on PyTorch: `in_torch.py FOLDER`, weights at random.

Runs in an environment with torch, torchvision, timm, keras, onnxslim and onnxsim (versions in `make.py`).
"""

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import torch

# torchvision's native operators do not load beside a build of torch other than its own: it only wants names.
for operator in ("nms", "qnms"):
    schema = "(Tensor boxes, Tensor scores, float threshold) -> Tensor"
    torch.library.define(f"torchvision::{operator}", schema)

import keras  # noqa: E402
import onnx  # noqa: E402
import onnxsim  # noqa: E402
import onnxslim  # noqa: E402
import timm  # noqa: E402
from torchvision import models  # noqa: E402

SIZE = 64
KEPT, TRAINING = torch.onnx.TrainingMode.PRESERVE, torch.onnx.TrainingMode.TRAINING
FOLDER = Path(sys.argv[1])


def settled(network: torch.nn.Module) -> torch.nn.Module:
    """`network` with batch norms of random scale and shift, and the statistics of random pictures."""
    norms = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    for norm in norms:
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, 0, 0.5)
        norm.momentum = 1.0
    network.train()
    with torch.no_grad():
        network(torch.randn(8, 3, SIZE, SIZE))
    return network.eval()


def export(name: str, network: torch.nn.Module, **options: object) -> None:
    image = torch.randn(1, 3, SIZE, SIZE)
    torch.onnx.export(
        settled(network), (image,), str(FOLDER / f"{name}.onnx"), external_data=False, **options
    )


torch.manual_seed(0)
newer, older = {"dynamo": True}, {"dynamo": False}
small, large = models.mobilenet_v3_small, models.mobilenet_v3_large
export("torchvision-small-dynamo-18", small(width_mult=0.5), **newer, opset_version=18)
export(
    "torchvision-large-dynamo-21-open-batch",
    large(width_mult=0.35),
    **newer,
    opset_version=21,
    optimize=False,
    dynamic_shapes=({0: "batch"},),
)
export("torchvision-v2-dynamo-20", models.mobilenet_v2(width_mult=0.35), **newer, opset_version=20)
export("torchvision-small-older-11", small(width_mult=0.5), **older, opset_version=11)
export(
    "torchvision-large-older-13-open-batch",
    large(width_mult=0.35),
    **older,
    opset_version=13,
    input_names=["image"],
    dynamic_axes={"image": {0: "batch"}},
)
export(
    "torchvision-small-older-17-training-kept",
    small(width_mult=0.5),
    **older,
    opset_version=17,
    training=KEPT,
    do_constant_folding=False,
)
export("timm-small-older-14", timm.create_model("mobilenetv3_small_050"), **older, opset_version=14)
export("timm-large-dynamo-20", timm.create_model("mobilenetv3_large_075"), **newer, opset_version=20)
export(
    "timm-tf-minimal-older-16",
    timm.create_model("tf_mobilenetv3_small_minimal_100"),
    **older,
    opset_version=16,
)
export("timm-semnasnet-dynamo-18", timm.create_model("semnasnet_050"), **newer, opset_version=18)
# Batch norms with five outputs, and with the attribute training_mode.
for opset in (11, 17):
    export(
        f"torchvision-small-older-{opset}-training",
        small(width_mult=0.35),
        **older,
        opset_version=opset,
        training=TRAINING,
        do_constant_folding=False,
    )

for source in ("torchvision-large-dynamo-21-open-batch", "timm-small-older-14"):
    onnxslim.slim(str(FOLDER / f"{source}.onnx"), str(FOLDER / f"{source}-onnxslim.onnx"))
(FOLDER / "timm-small-older-14.onnx").unlink()  # Like torchvision's, but for what onnxslim makes of it.
for source in ("torchvision-small-older-17-training-kept", "torchvision-small-dynamo-18"):
    simplified, _ = onnxsim.simplify(onnx.load(FOLDER / f"{source}.onnx"))
    onnx.save(simplified, FOLDER / f"{source}-onnxsim.onnx")

keras.utils.set_random_seed(0)
network = keras.applications.MobileNetV3Small(
    input_shape=(SIZE, SIZE, 3), weights=None, alpha=0.5, include_preprocessing=True
)
for layer in network.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.momentum = 0.0
network(keras.random.uniform((8, SIZE, SIZE, 3), 0, 255), training=True)
network.export(str(FOLDER / "keras-torch-small.onnx"), format="onnx", verbose=False)
