"""Squeeze-excite: the mean over the map, two small linear layers, the gate on every channel.

The 1 / (H * W) of the mean goes into the first layer's weights; the affine half of the gate's h-sigmoid is
in the second's already (`passes`).
"""

import numpy as np
import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...targets.cores import Core
from .epilogue import Epilogue
from .kernel import Kernel, array, nhwc
from .pool import sum_map
from .vectors import LANES, channel_blocks, vector

RELU, CLIP = Epilogue("clip", 0, np.inf), Epilogue("clip", 0, 1)
# Outputs that a panel of weights has: as many accumulators as a multiply-add's latency wants, and a line of
# weights or two in each step.
PANEL = 32
Shape = tuple[int, int, int]


def squeeze_excite(node: ir.Node, core: Core) -> Kernel:
    """The kernel of `SqueezeExcite`: x, w1 [S, C, 1, 1], b1 [S], w2 [C, S, 1, 1], b2 [C]."""
    _, height, width, channels = nhwc(node.inputs[0])
    constants = _constants(node)
    function = squeeze_excite_function((height, width, channels), constants[1].size)
    return Kernel("squeeze_excite", function, constants, _macs(constants))


def squeeze_excite_function(shape: Shape, squeezed: int) -> tirx.PrimFunc:
    """X [1, H, W, C], w1, b1, w2, b2 to [1, H, W, C]; `shape` is (H, W, C)."""
    channels = shape[2]
    with IRBuilder() as builder, T.prim_func():
        x, weights = _argument("x", (1, *shape)), _weight_arguments(channels, squeezed)
        out = _argument("out", (1, *shape))
        sums = T.alloc_buffer((1, channels), "float32", scope="local")
        its_gate = T.alloc_buffer((1, channels), "float32", scope="local")
        sum_map(x, sums, shape)
        _gate(sums, weights, its_gate, channels, squeezed)
        _excite(x, its_gate, out, shape)
    return builder.get()


def panels(matrix: np.ndarray) -> np.ndarray:
    """A matrix [N, K] in panels of PANEL rows, each [K][rows], one after the other."""
    parts = [matrix[start : start + PANEL].T.ravel() for start in range(0, len(matrix), PANEL)]
    return np.concatenate(parts).astype(np.float32)


def _constants(node: ir.Node) -> list[np.ndarray]:
    _, height, width, _ = nhwc(node.inputs[0])
    w1, b1, w2, b2 = (array(value) for value in node.inputs[1:])
    return [panels(w1[:, :, 0, 0] / np.float32(height * width)), b1, panels(w2[:, :, 0, 0]), b2]


def _macs(constants: list[np.ndarray]) -> int:
    return constants[0].size + constants[2].size


def _argument(name: str, shape: tuple[int, ...]) -> tirx.Buffer:
    return T.arg(name, T.buffer(shape, "float32"))


def _weight_arguments(channels: int, squeezed: int) -> list[tirx.Buffer]:
    sizes = {"w1": squeezed * channels, "b1": squeezed, "w2": channels * squeezed, "b2": channels}
    return [_argument(name, (size,)) for name, size in sizes.items()]


def _gate(
    sums: tirx.Buffer, weights: list[tirx.Buffer], its_gate: tirx.Buffer, channels: int, squeezed: int
) -> None:
    w1, b1, w2, b2 = weights
    reduced = T.alloc_buffer((1, squeezed), "float32", scope="local")
    _linear(sums, w1, b1, reduced, channels, squeezed, RELU)
    _linear(reduced, w2, b2, its_gate, squeezed, channels, CLIP)


def _linear(
    x: tirx.Buffer,
    weight: tirx.Buffer,
    bias: tirx.Buffer,
    out: tirx.Buffer,
    depth: int,
    features: int,
    epilogue: Epilogue,
) -> None:
    """`out` [1, N] of `x` [1, K] and `weight` in panels: K is the loop, a panel's sums are in registers."""
    for blocks in channel_blocks(features, PANEL):
        lanes, width = blocks.lanes, blocks.vectors * blocks.lanes
        whole = blocks.first // PANEL * PANEL
        inside, panel = blocks.first - whole, min(PANEL, features - whole)
        places = [vector(number * lanes, lanes) for number in range(blocks.vectors)]
        with T.serial(blocks.count) as block:
            total = T.alloc_buffer((width,), "float32", scope="local")
            for number, place in enumerate(places):
                at = vector(blocks.channel(block, number), lanes)
                T.buffer_store(total, bias[at], [place])
            start = T.Bind((whole + block * width) * depth + inside)

            with T.serial(depth // LANES) as quarter:
                four = T.Bind(x[0, vector(quarter * LANES)])
                for lane in range(LANES):
                    at = start + (quarter * LANES + lane) * panel
                    _add_products(total, places, T.Shuffle([four], [lane] * lanes), weight, at, lanes)
            for k in range(depth // LANES * LANES, depth):
                one = T.Bind(x[0, k])
                times = one if lanes == 1 else T.Broadcast(one, lanes)
                _add_products(total, places, times, weight, start + k * panel, lanes)
            for number, place in enumerate(places):
                at = vector(blocks.channel(block, number), lanes)
                T.buffer_store(out, epilogue.apply(total[place]), [0, at])


def _add_products(
    total: tirx.Buffer,
    places: list[tirx.Expr | int],
    times: tirx.Expr,
    weight: tirx.Buffer,
    at: tirx.Expr,
    lanes: int,
) -> None:
    for number, place in enumerate(places):
        product = times * T.Bind(weight[vector(at + number * lanes, lanes)])
        T.buffer_store(total, total[place] + product, [place])


def _excite(x: tirx.Buffer, its_gate: tirx.Buffer, out: tirx.Buffer, shape: Shape) -> None:
    height, width, channels = shape
    pixels, products = (
        T.decl_buffer((height * width, channels), "float32", data=buffer.data) for buffer in (x, out)
    )
    with T.serial(height * width) as pixel:
        for blocks in channel_blocks(channels, LANES * 4):
            with T.serial(blocks.count) as block:
                for number in range(blocks.vectors):
                    at = vector(blocks.channel(block, number), blocks.lanes)
                    T.buffer_store(products, pixels[pixel, at] * its_gate[0, at], [pixel, at])
