"""One network of all kernel families, of odd sizes: on every core, and with values that are extreme."""

import numpy as np
import onnx_ir as ir
import pytest

from armlet.passes import optimize
from armlet.targets.cores import CORES

TOLERANCE = 2e-5
TEXT = """
    a = Conv<strides=[2,2], pads=[1,1,1,1]>(x, stem, b16) b = HardSwish(a)
    c = Conv<group=16, pads=[1,1,1,1]>(b, window3, b16) d = HardSwish(c)
    e = GlobalAveragePool(d) f = Conv(e, reduce, b6) g = Relu(f) h = Conv(g, expand, b16)
    i = HardSigmoid<alpha=0.16666667>(h) j = Mul(d, i)
    k = Conv(j, project, b16) residual = Add(k, b)
    l = Conv(residual, widen, b23) m = Clip(l, zero, six)
    n = Conv<group=23, strides=[2,1], pads=[2,2,2,2]>(m, window5, b23) o = HardSwish(n)
    p = AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(o)
    q = MaxPool<kernel_shape=[2,2]>(p)
    r = Sigmoid(q)
    map = Resize<mode="linear">(r, , , sizes)
    s = GlobalAveragePool(o) t = Flatten(s) y = Gemm(t, matrix, b10)
"""
FAMILIES = {
    *("conv3x3", "depthwise3x3", "conv1x1", "dense", "depthwise5x5"),
    *("average_pool", "max_pool", "sigmoid", "resize"),
}


@pytest.fixture(scope="module")
def network(parse) -> ir.Model:
    weights = {
        "stem": (16, 3, 3, 3),
        "window3": (16, 1, 3, 3),
        "reduce": (6, 16, 1, 1),
        "expand": (16, 6, 1, 1),
        "project": (16, 16, 1, 1),
        "widen": (23, 16, 1, 1),
        "window5": (23, 1, 5, 5),
        "matrix": (23, 10),
        "sizes": np.array([1, 23, 17, 13]),
        "zero": np.float32(0),
        "six": np.float32(6),
        **{f"b{size}": (size,) for size in (6, 10, 16, 23)},
    }
    model = parse(TEXT, "1,3,33,37", **weights)
    for name in ("residual", "map"):
        model.graph.outputs.append(next(node.outputs[0] for node in model.graph if node.name == name))
    return optimize(model).model


@pytest.mark.emulator
@pytest.mark.parametrize("core", [name for name in CORES if name != "host"])
def test_on_every_core(core, network, error_on):
    error, program = error_on(core, network, "nchw")
    assert error < TOLERANCE
    assert not program.fallbacks
    assert {kernel.family for kernel in program.kernels.values()} >= FAMILIES


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-3, 1e3, 1e6])
def test_extreme_values(scale, network, error_on):
    error, _ = error_on("host", network, "nchw", scale)
    assert error < TOLERANCE
