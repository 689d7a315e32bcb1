"""`run_armlet.py MODEL PRECISION IMAGE OUTPUT`, as peer.py describes it; MODEL is an artifact of armlet's."""

import sys

import numpy as np
import tvm
from region import repeat

_, model, precision, image, output = sys.argv
network = tvm.runtime.load_module(f"{model}/model.so")["main"]
logits = tvm.runtime.empty((1, 1000), "float32")
image_tensor = tvm.runtime.tensor(np.load(image))
repeat(lambda: network(image_tensor, logits))
np.save(output, logits.numpy())
