"""The mean over a map that another kernel has computed, channels in vectors."""

import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...targets.cores import Core
from .kernel import Kernel, argument, dtype_of, nhwc
from .vectors import Vector, channel_blocks

# Vectors of channels that are summed side by side: one addition does not wait for the one before.
VECTORS = 8


def global_average_pool(node: ir.Node, core: Core) -> Kernel:
    """The kernel of `GlobalAveragePool`: [1, H, W, C] to [1, 1, 1, C]."""
    _, height, width, channels = nhwc(node.inputs[0])
    with IRBuilder() as builder, T.prim_func():
        x = argument("x", (1, height, width, channels), dtype_of(node.inputs[0]))
        out = argument("out", (1, 1, 1, channels), dtype_of(node.outputs[0]))
        vector = Vector.of("float32", core)
        _average(x, out, (height, width, channels), vector)
    return Kernel("global_average_pool", builder.get(), [], macs=0)


def _average(x: tirx.Buffer, means: tirx.Buffer, shape: tuple[int, int, int], vector: Vector) -> None:
    """Average `x`, [1, H, W, C] of `shape` (H, W, C), over its map into `means`.

    The map is read row by row and pixel by pixel for a block of channels at a time, and summed as `vector`.
    """
    height, width, channels = shape
    pixels = T.decl_buffer((height * width, channels), x.dtype, data=x.data)
    flat = T.decl_buffer((channels,), means.dtype, data=means.data)
    for blocks in channel_blocks(channels, VECTORS * vector.lanes, vector):
        part = blocks.vector
        with T.serial(blocks.count) as block:
            total = part.registers(blocks.vectors)
            places = [number * part.lanes for number in range(blocks.vectors)]
            for place in places:
                part.store(total, part.zeros(), place)
            with T.serial(height * width) as pixel:
                for number, place in enumerate(places):
                    value = part.load(pixels, pixel, blocks.channel(block, number))
                    part.store(total, part.load(total, place) + value, place)
            for number, place in enumerate(places):
                mean = part.load(total, place) * part.number(1 / (height * width))
                part.store(flat, mean, blocks.channel(block, number))
