"""The largest channel of each pixel: the first of equal ones, whatever the number of channels."""

import numpy as np
import onnx_ir as ir
import pytest

from armlet.compiler.kernels.argmax import argmax
from armlet.targets import find_core

from .nodes import fused_node


@pytest.fixture
def run(call):
    """The places that the kernel of a core finds in x [1, H, W, C]."""

    def places(x: np.ndarray, core: str) -> np.ndarray:
        _, height, width, channels = x.shape
        node = fused_node("ArgMax", (1, height, width), [(1, channels, height, width)], x.dtype.name)
        node.outputs[0].dtype = ir.DataType.INT64
        kernel, out = argmax(node, find_core(core)), np.full((1, height, width), -1)
        call(kernel.function, [x, out], core, kernel.llvm_cpu)
        return out

    return places


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a55", "cortex-a76", "host"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7, 8, 12, 19, 21, 32, 33, 150])
def test_as_numpy_has_it(channels, core, precision, run, normal):
    if core != "host" or precision == "float32":
        x = normal(1, 3, 7, channels).astype(precision)
        np.testing.assert_array_equal(run(x, core), x.argmax(-1))


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("channels", [2, 5, 8, 19, 33])
def test_of_equal_numbers_the_first(channels, precision, run):
    """Few different numbers, infinities and zeros of both signs among them."""
    some = np.array([-np.inf, -1, -0.0, 0.0, 1, np.inf], precision)
    x = np.random.default_rng(0).choice(some, (1, 9, 11, channels))
    x[0, 0] = -np.inf
    np.testing.assert_array_equal(run(x, "cortex-a55"), x.argmax(-1))


@pytest.mark.parametrize("channels", [1, 3, 19])
def test_what_is_no_number_is_somewhere(channels, run):
    x = np.full((1, 2, 3, channels), np.nan, np.float32)
    assert set(run(x, "cortex-a76").ravel()) <= set(range(channels))
