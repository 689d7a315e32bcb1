"""Computes the sample with the TVM that is installed here."""

import json
from pathlib import Path

import numpy as np
import tvm

manifest = json.loads(Path("manifest.json").read_text())
image = tvm.runtime.tensor(np.load("sample/input.npy"))
outputs = [tvm.runtime.empty(output["shape"], output["type"]) for output in manifest["outputs"]]
tvm.runtime.load_module("model.so")["main"](image, *outputs)
print("largest at", outputs[0].numpy().argmax())
