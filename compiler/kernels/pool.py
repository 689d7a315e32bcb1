"""The mean over a map, channels in vectors, and the sums that squeeze-excite wants."""

import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...targets.cores import Core
from .kernel import Kernel, nhwc
from .vectors import channel_blocks, vector, zeros

# Vectors of channels that are summed side by side: one addition does not wait for the one before.
VECTORS = 8


def global_average_pool(node: ir.Node, core: Core) -> Kernel:
    """The kernel of `GlobalAveragePool`: [1, H, W, C] to [1, 1, 1, C]."""
    _, height, width, channels = nhwc(node.inputs[0])
    with IRBuilder() as builder, T.prim_func():
        x = T.arg("x", T.buffer((1, height, width, channels), "float32"))
        out = T.arg("out", T.buffer((1, 1, 1, channels), "float32"))
        sum_map(x, out, (height, width, channels), 1 / (height * width))
    return Kernel("global_average_pool", builder.get(), [], macs=0)


def sum_map(x: tirx.Buffer, sums: tirx.Buffer, shape: tuple[int, int, int], scale: float = 1) -> None:
    """Sum `x`, [1, H, W, C] of `shape` (H, W, C), over its map into `sums`, times `scale`.

    The map is read row by row and pixel by pixel for a block of channels at a time.
    """
    height, width, channels = shape
    pixels = T.decl_buffer((height * width, channels), "float32", data=x.data)
    flat = T.decl_buffer((channels,), "float32", data=sums.data)
    for blocks in channel_blocks(channels, VECTORS * 4):
        lanes = blocks.lanes
        with T.serial(blocks.count) as block:
            total = T.alloc_buffer((blocks.vectors * lanes,), "float32", scope="local")
            places = [vector(number * lanes, lanes) for number in range(blocks.vectors)]
            for place in places:
                T.buffer_store(total, zeros(lanes), [place])
            with T.serial(height * width) as pixel:
                for number, place in enumerate(places):
                    at = vector(blocks.channel(block, number), lanes)
                    T.buffer_store(total, total[place] + pixels[pixel, at], [place])
            for number, place in enumerate(places):
                at = vector(blocks.channel(block, number), lanes)
                value = total[place] * tirx.const(scale, "float32") if scale != 1 else total[place]
                T.buffer_store(flat, value, [at])
