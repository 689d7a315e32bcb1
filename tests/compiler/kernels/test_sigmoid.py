"""The sigmoid's stated error, over all magnitudes."""

import numpy as np
import pytest

from armlet.compiler.kernels.sigmoid import sigmoid
from armlet.targets import find_core


@pytest.fixture
def run(run_kernel, fused_node):
    def run(x: np.ndarray, core: str) -> np.ndarray:
        shape = (1, x.shape[-1], 1, x.size // x.shape[-1])
        return run_kernel(sigmoid(fused_node("Sigmoid", shape, [shape]), find_core(core)), core, x)

    return run


def test_error_is_as_stated(run):
    sizes = np.geomspace(1e-30, 80, 20_000)
    x = np.concatenate([-sizes, [0], sizes, np.linspace(-85, 85, 20_000)]).astype(np.float32)
    got, want = run(x, "cortex-a72"), 1 / (1 + np.exp(-x.astype(np.float64)))
    assert np.abs(got - want).max() < 2e-7
    assert np.abs(got / want - 1).max() < 4e-6


def test_the_ends_are_0_and_1(run):
    x = np.array([-np.inf, -1e30, -1e3, -100, 100, 1e3, 1e30, np.inf], np.float32)
    assert np.abs(run(x, "cortex-a53") - (x > 0)).max() < 1e-37


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 15, 18, 33])
def test_sizes(size, run):
    x = np.linspace(-9, 9, size, dtype=np.float32)
    np.testing.assert_allclose(run(x, "cortex-a76"), 1 / (1 + np.exp(-x)), rtol=2e-6)
