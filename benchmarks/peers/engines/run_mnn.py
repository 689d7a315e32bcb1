"""`run_mnn.py MODEL PRECISION IMAGE OUTPUT`, as peer.py describes it."""

import sys

import MNN
import numpy as np
from region import repeat

_, model, precision, image, output = sys.argv
interpreter = MNN.Interpreter(f"{model}/model.mnn")
session = interpreter.createSession(
    {"backend": "CPU", "numThread": 1, "precision": "low" if precision == "fp16" else "normal"}
)


def tensor(array: np.ndarray) -> MNN.Tensor:
    """A tensor on the host with the elements of `array`, which it does not own."""
    return MNN.Tensor(array.shape, MNN.Halide_Type_Float, array, MNN.Tensor_DimensionType_Caffe)


image_array = np.load(image)
interpreter.getSessionInput(session).copyFrom(tensor(image_array))
repeat(lambda: interpreter.runSession(session))

# Every run puts other values into the memory of its input.
interpreter.getSessionInput(session).copyFrom(tensor(image_array))
interpreter.runSession(session)
device_output = interpreter.getSessionOutput(session)
output_array = np.zeros(device_output.getShape(), np.float32)
host_output = tensor(output_array)
device_output.copyToHostTensor(host_output)
np.save(output, np.array(host_output.getData()).reshape(output_array.shape))
