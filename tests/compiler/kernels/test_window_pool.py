"""Pools with a window against numpy: overlap, padding on every side, channel tails, both ways to count."""

import numpy as np
import pytest

from armlet.compiler.kernels.window_pool import window_pool
from armlet.targets import find_core

from .references import pool

WINDOWS = [  # height, width, kernel, strides, pads
    (9, 7, (3, 3), (2, 2), (1, 1, 1, 1)),
    (8, 8, (2, 2), (2, 2), (0, 0, 0, 0)),
    (6, 11, (3, 2), (1, 3), (0, 1, 2, 0)),
    (64, 40, (49, 25), (16, 10), (0, 0, 0, 0)),  # as in LR-ASPP
    (5, 5, (5, 5), (1, 1), (4, 4, 4, 4)),
    (1, 1, (1, 1), (1, 1), (0, 0, 0, 0)),
]


@pytest.fixture
def check(run_kernel, fused_node, normal):
    """Pool a map on a core, and compare."""

    def run(core, height, width, channels, op_type, count_include_pad, **window):
        x = normal(1, height, width, channels) - 5
        window = {**window, "count_include_pad": count_include_pad}
        want = pool(x, op_type, **window)
        shapes = [(1, channels, *y.shape[1:3]) for y in (x, want)]
        node = fused_node(op_type, shapes[1], [shapes[0]], **window)
        got = run_kernel(window_pool(node, find_core(core)), core, x)
        assert np.abs(got - want).max() <= (0 if op_type == "MaxPool" else 1e-6 * np.abs(x).max())

    return run


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
@pytest.mark.parametrize(
    ("op_type", "count_include_pad"), [("AveragePool", 0), ("AveragePool", 1), ("MaxPool", 0)]
)
@pytest.mark.parametrize(("height", "width", "kernel_shape", "strides", "pads"), WINDOWS)
def test_windows(height, width, kernel_shape, strides, pads, op_type, count_include_pad, core, check):
    window = {"kernel_shape": kernel_shape, "strides": strides, "pads": pads}
    check(core, height, width, 22, op_type, count_include_pad, **window)


@pytest.mark.parametrize("channels", [1, 3, 4, 16, 41])
def test_channels(channels, check):
    check("cortex-a53", 5, 6, channels, "AveragePool", 0, kernel_shape=(3, 3), strides=(2, 2), pads=(1,) * 4)
