"""`run_litert.py MODEL PRECISION IMAGE OUTPUT`, as peer.py describes it; the model is NHWC."""

import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from region import repeat

_, model, precision, image, output = sys.argv
interpreter = Interpreter(f"{model}/model.tflite", num_threads=1)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.load(image).transpose(0, 2, 3, 1))
repeat(interpreter.invoke)
np.save(output, interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
