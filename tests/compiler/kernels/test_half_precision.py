"""Kernels in half precision against float64: every tail, sums of every number of parts, each kind of core.

A55 and A76 compute in half precision. A53 and A72 only store it, and compute in single precision.
"""

import numpy as np
import pytest

from armlet.compiler.kernels import kernel_of
from armlet.compiler.kernels.bounded_sums import TERMS
from armlet.compiler.kernels.pointwise import Tiling, pointwise
from armlet.targets import find_core

from .references import activate, convolve, half_precision_bound

CORES = ("cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76")
PLAIN = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}


def halves(*shape: int, scale: float = 1.0) -> np.ndarray:
    numbers = scale * np.random.default_rng(len(shape)).standard_normal(shape)
    return numbers.astype(np.float16)


@pytest.fixture
def check(run_kernel, fused_node):
    """Compare a convolution of x, float16, with float64; no output may be left out."""

    def run(core, source, channels, taps=(1, 1), *, residual=False, gated=False, tiling=None, **attributes):
        activation = {key: attributes.pop(key) for key in ("activation", "low", "high") if key in attributes}
        windows = PLAIN | attributes
        depth = source[2]
        is_depthwise = channels is None
        x, bias = halves(1, *source), halves(channels or depth, scale=0.5).astype(np.float32)
        weight = halves(channels or depth, 1 if is_depthwise else depth, *taps, scale=0.3).astype(np.float32)
        gate = np.abs(halves(1, depth)) if gated else np.ones((1, depth), np.float16)
        dense = np.eye(depth)[:, :, None, None] * weight if is_depthwise else weight
        sums = convolve(x * gate.astype(np.float64), dense, bias, **windows)
        magnitudes = convolve(np.abs(x * gate.astype(np.float64)), np.abs(dense), np.abs(bias), **windows)
        added = [halves(*sums.shape)] if residual else []
        want = activate(sums + sum(added), **activation)

        nchw = (1, want.shape[3], *want.shape[1:3])
        inputs = [(1, depth, *source[:2]), weight, bias, nchw if residual else None]
        inputs += [(1, depth, 1, 1)] if gated else []
        op_type = "DepthwiseConv" if is_depthwise else "Conv"
        node = fused_node(op_type, nchw, inputs, precision="float16", **windows, **activation)
        kernel = pointwise(node, find_core(core), tiling) if tiling else kernel_of(node, find_core(core))
        assert kernel.constants[0].dtype == np.float16
        activations = [x.reshape([int(size) for size in kernel.function.params[0].ty.shape]), *added]
        got = run_kernel(kernel, core, *activations, *([gate.ravel()] if gated else []))
        assert got.dtype == np.float16
        terms = dense[0].size if not is_depthwise else weight[0].size
        slack = half_precision_bound(terms, magnitudes + sum(map(np.abs, added)), want).reshape(got.shape)
        assert (np.abs(got - want.reshape(got.shape)) <= slack).all()

    return run


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("depth", "channels"), [(1, 7), (4, 8), (7, 1), (8, 9), (12, 21), (24, 40), (30, 16)]
)
def test_tails(core, depth, channels, check):
    check(core, (5, 7, depth), channels, activation="hard_swish")


@pytest.mark.full
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("depth", [1, 4, 7, 8, 12, 24, 30])
def test_all_tails(core, depth, check):
    for channels in (1, 7, 8, 9, 16, 21, 24, 40):
        check(core, (5, 7, depth), channels, activation="hard_swish")


@pytest.mark.parametrize("core", ["cortex-a55", "cortex-a76"])
@pytest.mark.parametrize(
    ("size", "depth", "channels"),
    [
        ((3, 5), TERMS, 24),
        ((3, 5), TERMS + 4, 24),
        ((4, 4), 2 * TERMS + 8, 9),
        ((1, 1), 800, 72),
        ((4, 4), 800, 24),
    ],
)
def test_long_sums(core, size, depth, channels, check):
    check(core, (*size, depth), channels, residual=size != (1, 1))


@pytest.mark.parametrize("inner_loop", ["cortex-a55", None])
@pytest.mark.parametrize("vectors", [1, 2, 3, 4])
def test_tilings(vectors, inner_loop, check):
    tiling = Tiling(vectors, block=7, chunk=64, inner_loop=inner_loop)
    check("cortex-a55", (6, 6, 600), 56, tiling=tiling)


@pytest.mark.parametrize("core", CORES)
def test_a_gate_in_the_weights(core, check):
    check(core, (5, 5, 36), 20, gated=True, residual=True)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("source", "channels", "taps", "windows"),
    [
        ((15, 15, 3), 16, (3, 3), {"strides": (2, 2), "pads": (1, 1, 1, 1)}),
        ((5, 6, 3), 7, (3, 3), {"pads": (1, 1, 1, 1)}),
        ((6, 6, 17), 5, (3, 3), {"pads": (1, 1, 1, 1)}),
        ((4, 4, 40), 9, (3, 3), {"pads": (1, 1, 1, 1)}),  # more terms than may be summed in half precision
    ],
)
def test_windows(core, source, channels, taps, windows, check):
    check(core, source, channels, taps, **windows, activation="hard_swish")


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("channels", "taps", "stride"), [(1, 3, 1), (7, 3, 2), (8, 5, 1), (12, 3, 1), (22, 5, 2), (40, 3, 1)]
)
def test_depthwise(core, channels, taps, stride, check):
    pads = (taps // 2,) * 4
    check(core, (9, 10, channels), None, (taps, taps), strides=(stride, stride), pads=pads, activation="clip")
