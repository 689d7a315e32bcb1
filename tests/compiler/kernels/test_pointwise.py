"""Pointwise convolution and the linear layer: every tail, epilogue and tiling, on each core."""

import capstone
import numpy as np
import pytest

from armlet.compiler.c_interface import compile_function
from armlet.compiler.kernels.dense import dense
from armlet.compiler.kernels.pointwise import Tiling, candidates, pointwise
from armlet.compiler.kernels.vectors import Vector
from armlet.targets import find_core

from .references import activate, convolve, relative_error

CORES = ("cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76")
TOLERANCE = 2e-6
FLOATS = Vector("float32", 4)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape, dtype=np.float32)


@pytest.fixture
def error_of(run_kernel, fused_node):
    """The error of a pointwise convolution of a map [height, width, depth] to `channels`."""

    def error(
        core,
        height,
        width,
        depth,
        channels,
        *,
        strides=(1, 1),
        residual=False,
        gated=False,
        tiling=None,
        **epilogue,
    ):
        x, weight, bias = 3 * normal(1, height, width, depth), normal(channels, depth, 1, 1), normal(channels)
        gate = normal(1, depth) if gated else np.ones((1, depth), np.float32)
        want = convolve(x * gate, weight, bias, strides)
        nchw = (1, channels, *want.shape[1:3])
        added = [normal(*want.shape)] if residual else []
        inputs = [(1, depth, height, width), weight, bias, nchw if residual else None]
        inputs += [(1, depth, 1, 1)] if gated else []
        node = fused_node(
            "Conv", nchw, inputs, strides=strides, pads=(0, 0, 0, 0), dilations=(1, 1), **epilogue
        )
        kernel = pointwise(node, find_core(core), tiling)
        assert kernel.macs == want.size * depth
        out = run_kernel(kernel, core, x, *added, *([gate] if gated else []))
        return relative_error(out, activate(want + sum(added), **epilogue))

    return error


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    "shape",
    [
        (7, 7, 16, 24),
        (14, 14, 40, 64),
        (9, 13, 24, 40),
        (5, 5, 6, 13),  # half a vector of input channels, one of output channels more than three vectors
        (5, 7, 9, 22),
        (3, 4, 3, 1),
        (1, 1, 12, 20),
        (2, 1, 5, 7),
        (8, 8, 64, 16),  # whole pages: what is read or written beyond faults
        (8, 8, 16, 64),
    ],
)
def test_shapes(core, shape, error_of):
    assert error_of(core, *shape) < TOLERANCE


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("channels", [12, 21])
@pytest.mark.parametrize(
    "epilogue",
    [
        {"activation": "clip", "low": 0.0},
        {"activation": "clip", "low": -1.0, "high": 6.0},
        {"activation": "hard_swish"},
        {"residual": True},
        {"residual": True, "activation": "hard_swish"},
    ],
)
def test_epilogues(core, channels, epilogue, error_of):
    assert error_of(core, 5, 7, 12, channels, **epilogue) < TOLERANCE


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize(("depth", "channels"), [(16, 24), (9, 22), (3, 1), (80, 64)])
def test_a_gate_of_the_input_goes_into_the_weights(core, residual, depth, channels, error_of):
    assert error_of(core, 6, 5, depth, channels, residual=residual, gated=True) < TOLERANCE
    strided = {"strides": (2, 1), "activation": "hard_swish"}
    assert error_of(core, 6, 5, depth, channels, residual=residual, gated=True, **strided) < TOLERANCE


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
def test_strides_skip_rows_and_columns(core, error_of):
    assert error_of(core, 7, 9, 8, 12, strides=(2, 2)) < TOLERANCE
    assert error_of(core, 6, 4, 8, 5, strides=(1, 2)) < TOLERANCE


@pytest.mark.parametrize("vectors", [1, 2, 3, 4])
@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a55", None])
def test_blocks_and_chunks_give_the_same(vectors, core, error_of):
    for block, chunk in ((0, 0), (7, 0), (14, 16), (0, 20)):
        tiling = Tiling(vectors, block, chunk, inner_loop=core)
        assert (
            error_of(core or "cortex-a72", 6, 6, 60, 44, tiling=tiling, activation="hard_swish") < TOLERANCE
        )


def test_chunks_of_a_channel_count_that_leaves_half_a_vector_are_refused_silently(error_of):
    assert error_of("cortex-a72", 4, 4, 60, 22, tiling=Tiling(4, 0, 16)) < TOLERANCE


def test_candidates_follow_the_core():
    in_order, out_of_order = (
        candidates(196, 672, 112, FLOATS, find_core(name)) for name in ("cortex-a53", "cortex-a72")
    )
    assert {tiling.inner_loop for tiling in in_order} == {"cortex-a53"}
    assert {tiling.inner_loop for tiling in out_of_order} == {None}
    assert out_of_order[0].chunk
    assert not in_order[0].chunk
    assert len(set(in_order)) == len(in_order) <= 12


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(("depth", "features"), [(6, 5), (64, 16), (3, 1), (130, 100)])
def test_dense(core, depth, features, run_kernel, fused_node):
    x, weight, bias = normal(1, depth), normal(features, depth), normal(features)[::-1].copy()
    node = fused_node("Dense", (1, features), [(1, depth), weight, bias], activation="hard_swish")
    kernel = dense(node, find_core(core))
    want = activate(x @ weight.T.astype(np.float64) + bias, "hard_swish")
    assert relative_error(run_kernel(kernel, core, x), want) < TOLERANCE
    assert kernel.macs == depth * features


@pytest.mark.parametrize(("core", "stores"), [("cortex-a76", {"stp"}), ("cortex-a53", {"stp", "str"})])
def test_out_of_order_cores_store_whole_panels_in_pairs(core, stores, fused_node):
    weights, shape = [normal(64, 16, 1, 1), normal(64)], (1, 64, 10, 14)
    node = fused_node(
        *("Conv", shape, [(1, 16, 10, 14), *weights]), strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1)
    )
    kernel, core = pointwise(node, find_core(core)), find_core(core)
    compiled = compile_function(kernel.function, "kernel", core.tvm_target("linux", kernel.llvm_cpu)).kept()
    disassembler = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    disassembler.skipdata = True
    found = {
        mnemonic
        for _, _, mnemonic, operands in disassembler.disasm_lite(compiled.path.read_bytes(), 0)
        if mnemonic in ("str", "stp") and operands.startswith("q") and "sp" not in operands
    }
    assert found == stores
