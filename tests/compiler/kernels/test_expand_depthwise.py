"""An expansion and its depthwise convolution in bands, against float64: any size, band and epilogue."""

import numpy as np
import pytest

from armlet.compiler.c_interface import compile_function
from armlet.compiler.kernels.expand_depthwise import Banding, candidates, default, expand_depthwise
from armlet.targets import find_core

from .references import activate, convolve

CORES = ("cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76")
TOLERANCE = 2e-6  # of the range of what is summed
SWISH = {"activation": "hard_swish"}
RELU6 = {"activation": "clip", "low": 0.0, "high": 6.0}


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape, dtype=np.float32)


class Case:
    """A map [height, width, depth] that is expanded to some channels, and convolved by a window of `taps`."""

    def __init__(
        self, fused_node, size, channels, taps, expansion=RELU6, activation=RELU6, mean="none", **moves
    ):
        height, width, depth = size
        moves = {"strides": (1, 1), "dilations": (1, 1), "pads": (taps // 2,) * 4} | moves
        self.x, self.mean = normal(1, height, width, depth), mean
        weight, bias = normal(channels, depth, 1, 1), normal(channels)
        windows, starts = normal(channels, 1, taps, taps), normal(channels)[::-1].copy()
        expanded = activate(convolve(self.x, weight, bias), **expansion)
        # What has one channel only is not taken for depthwise, and need not be.
        sums = convolve(expanded, windows, starts, **moves)
        self.range = np.abs(sums).max()
        self.want = activate(sums, **activation)
        nchw = (1, channels, *self.want.shape[1:3])
        expansion = {f"expansion_{name}": value for name, value in expansion.items()}
        inputs = [(1, depth, height, width), windows, starts, None, weight, bias]
        attributes = moves | activation | expansion
        self.node = fused_node("DepthwiseConv", nchw, inputs, mean=mean, **attributes)
        self.macs = height * width * depth * channels + self.want.size * taps * taps


@pytest.fixture
def check(call, fused_node):
    """Run a case on a core, and compare; what was not written is NaN."""

    def run(core, *case, banding: Banding | None = None, **attributes) -> None:
        case = Case(fused_node, *case, **attributes)
        kernel = expand_depthwise(case.node, find_core(core), banding)
        assert kernel.macs == case.macs
        out = np.full(case.want.shape, np.nan, np.float32)
        means = np.full((1, out.shape[3]), np.nan, np.float32)
        outputs = [*([] if case.mean == "alone" else [out]), *([] if case.mean == "none" else [means])]
        call(kernel.function, [case.x, *kernel.constants, *outputs], core, kernel.llvm_cpu)
        if case.mean != "alone":
            assert np.abs(out - case.want).max() <= TOLERANCE * case.range
        if case.mean != "none":
            assert np.abs(means - case.want.mean((1, 2))).max() <= TOLERANCE * case.range

    return run


@pytest.mark.parametrize("core", ["cortex-a55", "cortex-a72"])
@pytest.mark.parametrize(
    ("size", "channels", "taps", "moves"),
    [
        ((14, 14, 8), 24, 3, {}),
        ((13, 11, 5), 22, 3, {}),  # half a vector in the last panel
        ((9, 7, 3), 1, 3, {"strides": (2, 2)}),
        ((15, 13, 6), 13, 3, {"strides": (2, 2)}),
        ((16, 16, 16), 16, 5, {}),  # whole pages: what is read or written beyond faults
        ((12, 10, 4), 40, 5, {"strides": (2, 1)}),
        ((11, 11, 4), 12, 3, {"dilations": (2, 2), "pads": (2, 2, 2, 2)}),
        ((6, 5, 4), 8, 3, {"strides": (2, 2), "pads": (0, 0, 1, 1)}),
        ((4, 4, 4), 8, 5, {"pads": (4, 4, 4, 4)}),
        ((7, 8, 4), 8, 3, {"strides": (4, 3), "pads": (0, 1, 0, 0)}),  # rows that nobody sees
        ((2, 3, 4), 8, 3, {}),
    ],
)
def test_shapes(core, size, channels, taps, moves, check):
    check(core, size, channels, taps, **moves, mean="too")


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize(("taps", "stride"), [(3, 1), (3, 2), (5, 1)])
def test_bands_of_any_height(core, rows, taps, stride, check):
    banding = Banding(rows, vectors=2, tile_rows=2, columns=5, llvm_cpu="cortex-a55")
    check(core, (13, 9, 4), 20, taps, strides=(stride, stride), banding=banding)


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
@pytest.mark.parametrize(
    ("expansion", "activation", "mean"),
    [(SWISH, SWISH, "too"), (RELU6, SWISH, "alone"), (SWISH, {}, "none"), ({}, RELU6, "too")],
)
def test_epilogues_and_means(core, expansion, activation, mean, check):
    check(core, (8, 8, 4), 10, 3, expansion, activation, mean=mean)


@pytest.mark.full
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(("taps", "stride"), [(3, 1), (3, 2), (5, 1)])
def test_every_candidate_computes_the_same(core, taps, stride, check, call, fused_node):
    case = Case(fused_node, (20, 20, 8), 40, taps, strides=(stride, stride))
    found = candidates(case.node, find_core(core))
    assert len(found) > 4
    for kernel in (expand_depthwise(case.node, find_core(core), each) for each in found):
        out = np.full(case.want.shape, np.nan, np.float32)
        call(kernel.function, [case.x, *kernel.constants, out], core, kernel.llvm_cpu)
        assert np.abs(out - case.want).max() <= TOLERANCE * case.range


@pytest.mark.parametrize("core", CORES)
def test_the_map_between_is_a_ring_of_what_a_band_sees(core, fused_node):
    case, core = Case(fused_node, (56, 56, 8), 24, 3), find_core(core)
    rows = default(case.node, core).rows
    kernel = expand_depthwise(case.node, core)
    compiled = compile_function(kernel.function, "kernel", core.tvm_target("linux", kernel.llvm_cpu))
    assert compiled.kept().scratch == ((rows + 2) * 56 * 24 * 4,)


@pytest.mark.parametrize("core", CORES)
def test_what_a_panel_reads_and_writes_of_a_band_fits_the_first_cache(core, fused_node):
    case, core = Case(fused_node, (56, 56, 24), 72, 3), find_core(core)
    banding = default(case.node, core)
    assert 2 <= banding.rows <= 4
    lines = (banding.rows + 2) * banding.vectors * 4 + banding.rows * 24
    assert banding.rows == 2 or lines * 56 * 4 <= core.l1d.size
