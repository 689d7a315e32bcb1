"""`run_ncnn.py MODEL PRECISION IMAGE OUTPUT`, as peer.py describes it.

PRECISION "default" leaves ncnn its own options, which are those of its benchmark program.
"""

import sys

import ncnn
import numpy as np
from region import repeat

_, model, precision, image, output = sys.argv
net = ncnn.Net()
net.opt.num_threads = 1
if precision != "default":
    half = precision == "fp16"
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = half
net.load_param(f"{model}/model.ncnn.param")
net.load_model(f"{model}/model.ncnn.bin")
array = np.load(image)[0]
image_mat = ncnn.Mat(array)  # it does not own the elements


def infer() -> ncnn.Mat:
    """One inference, with an extractor of its own: it keeps what it has computed."""
    extractor = net.create_extractor()
    extractor.input("in0", image_mat)
    return extractor.extract("out0")[1]


repeat(infer)
np.save(output, np.array(infer())[None])
