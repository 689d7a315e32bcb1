"""Convolution with a window: the stem, borders on every side, strides, dilations, many and few channels."""

import numpy as np
import pytest

from armlet.compiler.kernels.conv import Tiling, conv, may_read_planes
from armlet.targets import find_core

from .references import activate, convolve, relative_error


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape, dtype=np.float32)


@pytest.fixture
def check(run_kernel, fused_node):
    """Run a convolution of a map [height, width, depth], h-swish and a residual after it, and compare."""

    def run(core, source, channels, taps, windows, planes=False):
        windows = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)} | windows
        x, weight, bias = normal(1, *source), normal(channels, source[2], *taps), normal(channels)
        want = convolve(x, weight, bias, **windows)
        residual = normal(*want.shape)
        nchw = (1, channels, *want.shape[1:3])
        inputs = [(1, source[2], *source[:2]), weight, bias, nchw]
        node = fused_node("Conv", nchw, inputs, activation="hard_swish", **windows)
        assert may_read_planes(node) or not planes
        kernel = conv(node, find_core(core), planes=planes)
        got = run_kernel(kernel, core, x.transpose(0, 3, 1, 2).copy() if planes else x, residual)
        assert relative_error(got, activate(want + residual, "hard_swish")) < 2e-6
        assert kernel.macs == want.size * source[2] * taps[0] * taps[1]

    return run


FEW_CHANNELS = [
    ((16, 16, 3), 16, (3, 3), {"strides": (2, 2), "pads": (1, 1, 1, 1)}),  # the stem
    ((15, 15, 3), 32, (3, 3), {"strides": (2, 2), "pads": (0, 0, 1, 1)}),
    ((32, 32, 4), 16, (3, 3), {"strides": (2, 2), "pads": (1, 1, 1, 1)}),  # whole pages: beyond faults
    ((5, 6, 3), 7, (3, 3), {"pads": (1, 1, 1, 1)}),
    ((5, 6, 1), 3, (3, 3), {"pads": (0, 1, 2, 1)}),
    ((9, 8, 6), 12, (5, 5), {"strides": (2, 1), "pads": (2, 2, 2, 2)}),
    ((3, 3, 4), 5, (7, 7), {"pads": (3, 3, 3, 3)}),
    ((4, 4, 2), 6, (1, 3), {}),
    ((9, 3, 2), 6, (3, 1), {"strides": (4, 1), "dilations": (2, 1)}),
]
MANY_CHANNELS = [
    ((9, 9, 4), 8, (3, 3), {"dilations": (2, 2), "pads": (2, 2, 2, 2)}),
    ((6, 6, 17), 5, (3, 3), {"pads": (1, 1, 1, 1)}),
]


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
@pytest.mark.parametrize(("source", "channels", "taps", "windows"), FEW_CHANNELS + MANY_CHANNELS)
def test_windows(core, source, channels, taps, windows, check):
    check(core, source, channels, taps, windows)


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
@pytest.mark.parametrize(("source", "channels", "taps", "windows"), FEW_CHANNELS)
def test_planes(core, source, channels, taps, windows, check):
    check(core, source, channels, taps, windows, planes=True)


@pytest.mark.parametrize("tiling", [Tiling(1, 1), Tiling(3, 3), Tiling(9, 4)])
def test_any_tile_gives_the_same(tiling, run_kernel, fused_node):
    x, weight, bias = normal(1, 11, 11, 3), normal(20, 3, 3, 3), normal(20)
    windows = {"strides": (2, 2), "pads": (1, 1, 1, 1), "dilations": (1, 1)}
    node = fused_node("Conv", (1, 20, 6, 6), [(1, 3, 11, 11), weight, bias], **windows)
    got = run_kernel(conv(node, find_core("cortex-a72"), tiling), "cortex-a72", x)
    assert relative_error(got, convolve(x, weight, bias, **windows)) < 2e-6
