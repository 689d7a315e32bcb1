"""`run_onnxruntime.py MODEL PRECISION IMAGE OUTPUT`, as peer.py describes it."""

import sys

import numpy as np
import onnxruntime
from region import repeat

_, model, precision, image, output = sys.argv
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(f"{model}/model.onnx", options, providers=["CPUExecutionProvider"])
inputs = {session.get_inputs()[0].name: np.load(image)}
repeat(lambda: session.run(None, inputs))
np.save(output, session.run(None, inputs)[0])
