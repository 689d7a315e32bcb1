"""Bilinear resizing against ONNX Runtime's: coordinate modes, up and down, odd sizes, channel tails.

The result as planes, and the largest channels of it.
"""

import numpy as np
import onnx_ir as ir
import pytest

from armlet.compiler.kernels.resize import COORDINATES, resize
from armlet.targets import find_core

from . import references

TOLERANCE = 1e-6  # of the range of the map
CORES = ("cortex-a53", "cortex-a76")


@pytest.fixture
def check(run_kernel, fused_node, normal):
    """Resize a map [height, width, channels] on a core, and compare."""

    def run(core, source, coordinates, scales=None, sizes=None, planes=False):
        x = normal(1, *source)
        want = references.resize(x, coordinates, scales, sizes)
        shapes = [(1, y.shape[3], *y.shape[1:3]) for y in (x, want)]
        scales = np.divide(want.shape[1:3], source[:2]) if scales is None else scales
        attributes = {"coordinates": coordinates, "scales": [float(scale) for scale in scales]}
        node = fused_node("Resize", shapes[1], [shapes[0]], **attributes)
        got = run_kernel(resize(node, find_core(core), planes=planes), core, x)
        if planes:
            got = got.reshape(shapes[1]).transpose(0, 2, 3, 1)
        assert np.abs(got - want).max() <= TOLERANCE * np.abs(x).max()

    return run


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("sizes", [(13, 22), (5, 9), (3, 2), (1, 1), (7, 33), (50, 50)])
def test_coordinates(coordinates, sizes, check):
    check("cortex-a76", (7, 11, 5), coordinates, sizes=sizes)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("scales", [(2.0, 2.0), (1.3, 2.7), (0.4, 0.77), (1.0, 4.0)])
def test_scales(coordinates, scales, check):
    check("cortex-a76", (9, 8, 4), coordinates, scales=scales)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 21, 32, 40, 67])
def test_channels(core, channels, check):
    check(core, (5, 6, channels), "half_pixel", sizes=(11, 13))


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("channels", [1, 3, 4, 19, 21, 32])
@pytest.mark.parametrize("width", [1, 3, 4, 13, 18])
def test_planes(core, channels, width, check):
    check(core, (5, 6, channels), "half_pixel", sizes=(7, width), planes=True)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 6), (6, 1)])
def test_single_rows_and_columns(core, height, width, check):
    check(core, (height, width, 3), "half_pixel", sizes=(4, 5))


@pytest.mark.parametrize("planes", [False, True])
def test_a_line_too_long_for_the_stack(planes, check):
    check("cortex-a53", (2, 33, 150), "half_pixel", sizes=(3, 65), planes=planes)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("source", "sizes"), [((5, 6, 19), (37, 43)), ((3, 4, 3), (5, 2)), ((1, 1, 21), (3, 5))]
)
def test_the_largest_channel(core, source, sizes, call, run_kernel, fused_node, normal):
    x, (height, width, channels) = normal(1, *source), source
    attributes = {"coordinates": "half_pixel", "scales": [sizes[0] / height, sizes[1] / width]}
    nchw, target = (1, channels, height, width), find_core(core)
    map_ = run_kernel(
        resize(fused_node("Resize", (1, channels, *sizes), [nchw], **attributes), target), core, x
    )
    node = fused_node("ResizeArgMax", (1, *sizes), [nchw], **attributes)
    node.outputs[0].dtype = ir.DataType.INT64
    kernel, out = resize(node, target), np.full(sizes, -1)
    call(kernel.function, [x, *kernel.constants, out], core, kernel.llvm_cpu)
    np.testing.assert_array_equal(out, map_.argmax(-1).reshape(sizes))
