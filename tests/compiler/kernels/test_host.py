"""Kernels on this machine: as wide as its vectors are, and as wide as those of older machines of its kind."""

from dataclasses import replace

import numpy as np
import pytest

from armlet.compiler.kernels.axis import Axis
from armlet.compiler.kernels.conv import conv
from armlet.compiler.kernels.dense import dense
from armlet.compiler.kernels.depthwise import depthwise
from armlet.compiler.kernels.pointwise import Tiling, pointwise
from armlet.compiler.kernels.pool import global_average_pool
from armlet.compiler.kernels.register_tile import rows_held
from armlet.compiler.kernels.scale import scale
from armlet.compiler.kernels.vectors import Vector, channel_blocks
from armlet.targets import find_core

from .references import activate, convolve, relative_error

TOLERANCE = 2e-6
HOST = find_core("host")
OLDER = (
    replace(HOST, llvm_cpu="x86-64-v3", vector_bytes=32, vector_registers=16),
    replace(HOST, llvm_cpu="x86-64-v2", vector_bytes=16, vector_registers=16),
)
HOSTS = [HOST, *(core for core in OLDER if core.machine == "x86_64" and core.llvm_cpu < HOST.llvm_cpu)]
ONE, NONE = (1, 1), (0, 0, 0, 0)

each_host = pytest.mark.parametrize("core", HOSTS, ids=lambda core: core.llvm_cpu)


@each_host
@pytest.mark.parametrize("channels", [3, 16, 23, 40])
@pytest.mark.parametrize(
    "epilogue", [{"activation": "hard_swish", "residual": True}, {"activation": "clip", "low": 0.0}]
)
def test_pointwise(channels, epilogue, core, run_kernel, fused_node, normal):
    residual = epilogue.get("residual", False)
    epilogue = {name: value for name, value in epilogue.items() if name != "residual"}
    x, weight, bias = normal(1, 5, 7, 9 + channels), normal(channels, 9 + channels, 1, 1), normal(channels)
    want = convolve(x, weight, bias)
    nchw = (1, channels, 5, 7)
    inputs = [(1, 9 + channels, 5, 7), weight, bias, nchw if residual else None]
    node = fused_node("Conv", nchw, inputs, strides=ONE, pads=NONE, dilations=ONE, **epilogue)
    added = [normal(*want.shape)] if residual else []
    out = run_kernel(pointwise(node, core), core, x, *added)
    assert relative_error(out, activate(want + sum(added), **epilogue)) < TOLERANCE


@each_host
def test_tilings_give_the_same(core, run_kernel, fused_node, normal):
    x, weight, bias, gate = normal(1, 9, 9, 44), normal(40, 44, 1, 1), normal(40), normal(1, 44)
    inputs = [(1, 44, 9, 9), weight, bias, None, (1, 44, 1, 1)]
    node = fused_node("Conv", (1, 40, 9, 9), inputs, strides=ONE, pads=NONE, dilations=ONE)
    want = convolve(x * gate, weight, bias)
    for tiling in (Tiling(2, block=14, chunk=16), Tiling(5)):
        assert relative_error(run_kernel(pointwise(node, core, tiling), core, x, gate), want) < TOLERANCE


@each_host
@pytest.mark.parametrize(
    ("source", "channels", "windows", "planes"),
    [
        ((16, 32, 3), 16, {"strides": (2, 2), "pads": (1, 1, 1, 1)}, True),  # the stem
        ((15, 15, 3), 40, {"strides": (2, 2), "pads": (0, 0, 1, 1)}, False),
        ((6, 6, 17), 21, {"pads": (1, 1, 1, 1)}, False),
    ],
)
def test_conv(source, channels, windows, planes, core, run_kernel, fused_node, normal):
    windows = {"strides": ONE, "pads": NONE, "dilations": ONE} | windows
    x, weight, bias = normal(1, *source), normal(channels, source[2], 3, 3), normal(channels)
    want = convolve(x, weight, bias, **windows)
    nchw = (1, channels, *want.shape[1:3])
    node = fused_node("Conv", nchw, [(1, source[2], *source[:2]), weight, bias], **windows)
    given = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if planes else x
    out = run_kernel(conv(node, core, planes=planes), core, given)
    assert relative_error(out, want) < TOLERANCE


@each_host
@pytest.mark.parametrize(
    ("taps", "stride", "channels", "size"),
    [(3, 1, 40, 14), (3, 2, 23, 15), (5, 1, 24, 14), (5, 2, 7, 15)],
)
def test_depthwise(taps, stride, channels, size, core, run_kernel, fused_node, normal):
    windows = {"strides": (stride, stride), "pads": (taps // 2,) * 4, "dilations": ONE}
    x, weight, bias = normal(1, size, size, channels), normal(channels, 1, taps, taps), normal(channels)
    full = np.zeros((channels, channels, taps, taps))
    full[range(channels), range(channels)] = weight[:, 0]
    want = convolve(x, full, bias, **windows)
    outputs = Axis(size, taps, stride, 1, taps // 2, taps // 2).outputs
    nchw = (1, channels, outputs, outputs)
    inputs = [(1, channels, size, size), weight, bias, nchw]
    node = fused_node("DepthwiseConv", nchw, inputs, activation="hard_swish", **windows)
    residual = normal(*want.shape)
    out = run_kernel(depthwise(node, core), core, x, residual)
    assert relative_error(out, activate(want + residual, "hard_swish")) < TOLERANCE


@each_host
@pytest.mark.parametrize(("depth", "features"), [(3, 1), (130, 100)])
def test_dense(depth, features, core, run_kernel, fused_node, normal):
    x, weight, bias = normal(1, depth), normal(features, depth), normal(features)[::-1].copy()
    node = fused_node("Dense", (1, features), [(1, depth), weight, bias], activation="hard_swish")
    want = activate(x @ weight.T.astype(np.float64) + bias, "hard_swish")
    assert relative_error(run_kernel(dense(node, core), core, x), want) < TOLERANCE


@each_host
@pytest.mark.parametrize("channels", [23, 200])
def test_pool_and_scale(channels, core, run_kernel, fused_node, normal):
    shape = (1, channels, 5, 4)
    x, gate = normal(1, 5, 4, channels), normal(1, channels)
    pool = global_average_pool(fused_node("GlobalAveragePool", (1, channels, 1, 1), [shape]), core)
    assert relative_error(run_kernel(pool, core, x), x.mean((1, 2), keepdims=True, dtype=float)) < TOLERANCE
    product = scale(fused_node("Scale", shape, [shape, (1, channels, 1, 1)]), core)
    out = run_kernel(product, core, x.reshape(20, channels), gate)
    np.testing.assert_array_equal(out, x.reshape(20, channels) * gate)


@pytest.mark.parametrize(("registers", "rows"), [(32, [14, 14, 9, 6, 5]), (16, [14, 6, 4, 2, 2])])
def test_a_tile_fits_the_registers(registers, rows):
    vector = Vector("float32", 16, registers, by_lane=False)
    assert [rows_held(vectors, vector) for vectors in range(1, 6)] == rows
    assert all(held == 14 or (held + 1) * vectors < registers for vectors, held in enumerate(rows, start=1))


def test_channels_that_do_not_fill_a_vector_are_taken_by_halves():
    blocks = channel_blocks(16 * 5 + 8 + 4 + 3, 32, Vector("float32", 16))
    assert [(part.first, part.count, part.vectors, part.vector.lanes) for part in blocks] == [
        (0, 2, 2, 16),
        (64, 1, 1, 16),
        (80, 1, 1, 8),
        (88, 1, 1, 4),
        (92, 1, 1, 3),
    ]
