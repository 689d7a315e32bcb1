"""Maps brought from one layout to the other: whole squares, what is left of them, numbers of any size."""

import numpy as np
import onnx_ir as ir
import pytest

from armlet.compiler.kernels.transpose import transpose
from armlet.targets import find_core


@pytest.fixture
def check(call):
    def run(core: str, channels: int, height: int, width: int, dtype: str = "float32") -> None:
        nchw = np.arange(channels * height * width).astype(dtype).reshape(1, channels, height, width)
        nhwc = np.ascontiguousarray(nchw.transpose(0, 2, 3, 1))
        value = ir.Value(name="x", shape=ir.Shape(nchw.shape), type=ir.TensorType(ir.tensor(nchw).dtype))
        for layout, source, want in (("nhwc", nchw, nhwc), ("nchw", nhwc, nchw)):
            kernel, out = transpose(value, layout, find_core(core)), np.zeros_like(want)
            call(kernel.function, [source, out], core, kernel.llvm_cpu)
            np.testing.assert_array_equal(out, want)

    return run


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
@pytest.mark.parametrize(
    "shape",
    [
        (16, 16, 16),
        (3, 20, 20),
        (1, 5, 6),
        (21, 19, 17),
        (2, 1, 3),
        (5, 1, 2),
        (4, 2, 2),
        (300, 3, 3),
        (3, 1, 3),
        (7, 23, 29),
    ],
)
def test_shapes(core, shape, check):
    check(core, *shape)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int64", "int32", "uint8", "bool"])
def test_types(dtype, check):
    check("cortex-a55", 20, 7, 9, dtype)
