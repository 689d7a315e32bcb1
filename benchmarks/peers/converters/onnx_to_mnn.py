"""ONNX to MNN: `onnx_to_mnn.py MODEL.onnx MODEL.mnn`. Runs in an environment that holds MNN."""

import sys

import _tools

_, source, target = sys.argv
_tools.mnnconvert(
    ["mnnconvert", "-f", "ONNX", "--modelFile", source, "--MNNModel", target, "--bizCode", "armlet"]
)
