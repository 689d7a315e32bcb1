"""Maps side by side, the channels of each behind those of the one before, NHWC: pixel by pixel."""

import math

import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...frontend.shapes import shape_of
from ...targets import Core
from .kernel import Kernel, argument, dtype_of, llvm_cpu
from .vectors import Vector, channel_blocks

# Vectors that are loaded before the first is stored.
VECTORS = 8


def concat(node: ir.Node, core: Core) -> Kernel:
    """The kernel of `Concat`: maps [1, H, W, C], their channels in any number, to one map of all of them.

    What is of another rank lies one behind the other, as the channels of a pixel do.
    """
    result = node.outputs[0]
    pixels = math.prod(shape_of(result)[2:]) if len(shape_of(result)) == 4 else 1
    vector = Vector.of(dtype_of(result), core)

    def tensor(name: str, value: ir.Value | None) -> tirx.Buffer:
        return argument(name, (pixels, math.prod(shape_of(value)) // pixels), dtype_of(value))

    with IRBuilder() as builder, T.prim_func():
        parts = [tensor(f"x{number}", value) for number, value in enumerate(node.inputs)]
        out = tensor("out", result)
        with T.serial(pixels) as pixel:
            first = 0
            for x in parts:
                for blocks in channel_blocks(int(x.shape[1]), VECTORS * vector.lanes, vector):
                    part = blocks.vector
                    with T.serial(blocks.count) as block:
                        places = [blocks.channel(block, number) for number in range(blocks.vectors)]
                        values = [T.Bind(part.load(x, pixel, place)) for place in places]
                        for place, value in zip(places, values, strict=True):
                            part.store(out, value, pixel, first + place)
                first += int(x.shape[1])
    return Kernel("concat", builder.get(), [], macs=0, llvm_cpu=llvm_cpu(core))
