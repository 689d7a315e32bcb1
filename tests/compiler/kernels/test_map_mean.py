"""Convolutions that put out the mean over their map: with the map, or instead of it."""

import numpy as np
import onnx_ir as ir
import pytest

from armlet.compiler.kernels.conv import conv
from armlet.compiler.kernels.pointwise import Tiling, pointwise
from armlet.targets import find_core

from .references import activate, convolve, relative_error

CORES = ("cortex-a53", "cortex-a76")
TOLERANCE = 2e-6


@pytest.fixture
def check(call, fused_node, normal):
    def run(core, family, taps, depth, channels, *, stores_map, residual=False, tiling=None):
        x, bias = normal(1, 9, 7, depth), normal(channels)
        weight, attributes = normal(channels, depth, taps, taps), {"activation": "hard_swish"}
        sums = convolve(x, weight, bias)
        added = [normal(*sums.shape)] if residual else []
        nchw = (1, channels, *sums.shape[1:3])
        inputs = [(1, depth, 9, 7), weight, bias, *([nchw] if residual else [])]
        plain = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
        node = fused_node("Conv", nchw, inputs, **plain, **attributes)
        node.resize_outputs(2)
        node.outputs[1].shape, node.outputs[1].dtype = ir.Shape((1, channels, 1, 1)), ir.DataType.FLOAT
        if not stores_map:
            node.outputs[0].name = ""
        kernel = family(node, find_core(core), tiling)
        out, mean = (np.full(size, np.nan, np.float32) for size in (sums.shape, channels))
        outputs = [out, mean] if stores_map else [mean]
        call(kernel.function, [x, *added, *kernel.constants, *outputs], core, kernel.llvm_cpu)
        want = activate(sums + sum(added), **attributes)
        assert relative_error(mean, want.mean((0, 1, 2))) < TOLERANCE
        assert not stores_map or relative_error(out, want) < TOLERANCE

    return run


@pytest.mark.parametrize("stores_map", [False, True])
@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(("depth", "channels"), [(16, 40), (5, 13), (8, 3)])
def test_pointwise(core, stores_map, depth, channels, check):
    check(core, pointwise, 1, depth, channels, stores_map=stores_map)
    check(core, pointwise, 1, depth, channels, stores_map=stores_map, residual=True)


@pytest.mark.parametrize("stores_map", [False, True])
@pytest.mark.parametrize("core", CORES)
def test_window(core, stores_map, check):
    check(core, conv, 3, 6, 13, stores_map=stores_map)


def test_partial_sums_need_the_map(check):
    for stores_map in (False, True):
        check("cortex-a72", pointwise, 1, 24, 16, stores_map=stores_map, tiling=Tiling(4, 0, 8))
