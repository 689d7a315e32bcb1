"""Channels of maps one behind the other: numbers that fill vectors and that do not, types that differ."""

import numpy as np
import onnx_ir as ir
import pytest

from armlet.compiler.kernels.concat import concat
from armlet.targets import find_core


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76", "host"])
@pytest.mark.parametrize("channels", [(4, 4), (3,), (1, 2, 3), (67, 5, 32), (256, 256)])
def test_channels(channels, core, fused_node, run_kernel, normal):
    parts = [normal(1, 3, 5, count) + number for number, count in enumerate(channels)]
    node = fused_node("Concat", (1, sum(channels), 3, 5), [(1, count, 3, 5) for count in channels])
    want = np.concatenate(parts, -1)
    got = run_kernel(concat(node, find_core(core)), core, *parts)
    np.testing.assert_array_equal(got, want.reshape(got.shape))


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a55"])
def test_halves(core, fused_node, run_kernel, normal):
    x, z = normal(1, 3, 5, 9).astype(np.float16), normal(1, 3, 5, 8)
    node = fused_node("Concat", (1, 17, 3, 5), [(1, 9, 3, 5), (1, 8, 3, 5)], "float16")
    node.inputs[1].dtype = ir.DataType.FLOAT
    got = run_kernel(concat(node, find_core(core)), core, x, z)
    np.testing.assert_array_equal(got, np.concatenate([x, z.astype(np.float16)], -1).reshape(got.shape))


def test_rows(fused_node, run_kernel, normal):
    parts = [normal(1, 5, 7), normal(1, 2, 7)]
    node = fused_node("Concat", (1, 7, 7), [(1, 5, 7), (1, 2, 7)])
    got = run_kernel(concat(node, find_core("cortex-a76")), "cortex-a76", *parts)
    np.testing.assert_array_equal(got.reshape(1, 7, 7), np.concatenate(parts, 1))
