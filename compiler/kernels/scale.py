"""The product of a map and its gate, a number a channel or another map: one pass over memory, or in place."""

import onnx_ir as ir
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...targets import Core
from .kernel import Kernel, argument, dtype_of, llvm_cpu, nhwc, vector_of
from .vectors import channel_blocks

# Vectors that are loaded before the first product is stored: enough for the latency of loads.
VECTORS = 8


def scale(node: ir.Node, core: Core) -> Kernel:
    """The kernel of `Scale`: x [1, H, W, C], gate [1, 1, 1, C] or as x; output [1, H, W, C]."""
    _, height, width, channels = nhwc(node.inputs[0])
    pixels, vector = height * width, vector_of(node, core)
    is_map = nhwc(node.inputs[1]) == nhwc(node.inputs[0])
    with IRBuilder() as builder, T.prim_func():
        # The output may be x.
        T.func_attr({"tirx.noalias": False})
        x = argument("x", (pixels, channels), dtype_of(node.inputs[0]))
        gate = argument("gate", (pixels if is_map else 1, channels), dtype_of(node.inputs[1]))
        out = argument("out", (pixels, channels), dtype_of(node.outputs[0]))
        with T.serial(pixels) as pixel:
            row = pixel if is_map else 0
            for blocks in channel_blocks(channels, VECTORS * vector.lanes, vector):
                part = blocks.vector
                with T.serial(blocks.count) as block:
                    places = [blocks.channel(block, number) for number in range(blocks.vectors)]
                    products = [
                        T.Bind(part.load(x, pixel, place) * part.load(gate, row, place)) for place in places
                    ]
                    for place, product in zip(places, products, strict=True):
                        part.store(out, product, pixel, place)
    return Kernel("scale", builder.get(), [], macs=0, llvm_cpu=llvm_cpu(core), in_place=True)
