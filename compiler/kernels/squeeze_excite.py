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
from .kernel import Kernel, argument, array, nhwc, vector_of
from .pool import sum_map
from .vectors import Vector, channel_blocks

RELU, CLIP = Epilogue("clip", 0, np.inf), Epilogue("clip", 0, 1)
# Vectors of outputs that a panel of weights has: as many accumulators as a multiply-add's latency wants, and
# a line of weights or two in each step.
PANEL = 8
# Vectors of channels that are scaled side by side.
SCALED = 4
Shape = tuple[int, int, int]


def squeeze_excite(node: ir.Node, core: Core) -> Kernel:
    """The kernel of `SqueezeExcite`: x, w1 [S, C, 1, 1], b1 [S], w2 [C, S, 1, 1], b2 [C]."""
    _, height, width, channels = nhwc(node.inputs[0])
    vector = vector_of(node, core)
    constants = _constants(node, vector)
    function = squeeze_excite_function((height, width, channels), constants[1].size, vector)
    return Kernel("squeeze_excite", function, constants, _macs(constants))


def squeeze_excite_function(shape: Shape, squeezed: int, vector: Vector) -> tirx.PrimFunc:
    """The function of x [1, H, W, C], w1, b1, w2, b2, out [1, H, W, C]; `shape` is (H, W, C)."""
    channels = shape[2]
    with IRBuilder() as builder, T.prim_func():
        x = argument("x", (1, *shape), vector.dtype)
        weights = _weight_arguments(channels, squeezed, vector)
        out = argument("out", (1, *shape), vector.dtype)
        sums = T.alloc_buffer((1, channels), vector.dtype, scope="local")
        its_gate = T.alloc_buffer((1, channels), vector.dtype, scope="local")
        sum_map(x, sums, shape, vector)
        _gate(sums, weights, its_gate, channels, squeezed, vector)
        _excite(x, its_gate, out, shape, vector)
    return builder.get()


def panels(matrix: np.ndarray, size: int) -> np.ndarray:
    """A matrix [N, K] in panels of `size` rows, each [K][rows], one after the other."""
    parts = [matrix[start : start + size].T.ravel() for start in range(0, len(matrix), size)]
    return np.concatenate(parts).astype(np.float32)


def _constants(node: ir.Node, vector: Vector) -> list[np.ndarray]:
    _, height, width, _ = nhwc(node.inputs[0])
    w1, b1, w2, b2 = (array(value) for value in node.inputs[1:])
    size = PANEL * vector.lanes
    return [panels(w1[:, :, 0, 0] / np.float32(height * width), size), b1, panels(w2[:, :, 0, 0], size), b2]


def _macs(constants: list[np.ndarray]) -> int:
    return constants[0].size + constants[2].size


def _weight_arguments(channels: int, squeezed: int, vector: Vector) -> list[tirx.Buffer]:
    sizes = {"w1": squeezed * channels, "b1": squeezed, "w2": channels * squeezed, "b2": channels}
    return [argument(name, (size,), vector.dtype) for name, size in sizes.items()]


def _gate(
    sums: tirx.Buffer,
    weights: list[tirx.Buffer],
    its_gate: tirx.Buffer,
    channels: int,
    squeezed: int,
    vector: Vector,
) -> None:
    w1, b1, w2, b2 = weights
    reduced = T.alloc_buffer((1, squeezed), vector.dtype, scope="local")
    _linear(sums, w1, b1, reduced, channels, squeezed, RELU, vector)
    _linear(reduced, w2, b2, its_gate, squeezed, channels, CLIP, vector)


def _linear(
    x: tirx.Buffer,
    weight: tirx.Buffer,
    bias: tirx.Buffer,
    out: tirx.Buffer,
    depth: int,
    features: int,
    epilogue: Epilogue,
    vector: Vector,
) -> None:
    """`out` [1, N] of `x` [1, K] and `weight` in panels: K is the loop, a panel's sums are in registers."""
    size, one = PANEL * vector.lanes, vector.part(1)
    for blocks in channel_blocks(features, size, vector):
        part, width = blocks.vector, blocks.vectors * blocks.vector.lanes
        whole = blocks.first // size * size
        inside, panel = blocks.first - whole, min(size, features - whole)
        places = [number * part.lanes for number in range(blocks.vectors)]
        with T.serial(blocks.count) as block:
            total = part.registers(blocks.vectors)
            for number, place in enumerate(places):
                part.store(total, part.load(bias, blocks.channel(block, number)), place)
            start = T.Bind((whole + block * width) * depth + inside)

            with T.serial(depth // vector.lanes) as step:
                numbers = T.Bind(vector.load(x, 0, step * vector.lanes))
                for lane in range(vector.lanes):
                    at = start + (step * vector.lanes + lane) * panel
                    _add_products(total, places, part.lane(numbers, lane), weight, at, part)
            for k in range(vector.whole(depth), depth):
                times = part.spread(T.Bind(one.load(x, 0, k)))
                _add_products(total, places, times, weight, start + k * panel, part)
            for number, place in enumerate(places):
                value = epilogue.apply(part.load(total, place))
                part.store(out, value, 0, blocks.channel(block, number))


def _add_products(
    total: tirx.Buffer,
    places: list[int],
    times: tirx.Expr,
    weight: tirx.Buffer,
    at: tirx.Expr,
    part: Vector,
) -> None:
    for number, place in enumerate(places):
        product = times * T.Bind(part.load(weight, at + number * part.lanes))
        part.store(total, part.load(total, place) + product, place)


def _excite(x: tirx.Buffer, its_gate: tirx.Buffer, out: tirx.Buffer, shape: Shape, vector: Vector) -> None:
    height, width, channels = shape
    pixels, products = (
        T.decl_buffer((height * width, channels), buffer.dtype, data=buffer.data) for buffer in (x, out)
    )
    with T.serial(height * width) as pixel:
        for blocks in channel_blocks(channels, SCALED * vector.lanes, vector):
            with T.serial(blocks.count) as block:
                for number in range(blocks.vectors):
                    channel = blocks.channel(block, number)
                    product = blocks.vector.load(pixels, pixel, channel) * blocks.vector.load(
                        its_gate, 0, channel
                    )
                    blocks.vector.store(products, product, pixel, channel)
