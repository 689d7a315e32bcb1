"""A map times a number for each channel plus another, NHWC: what makes the numbers of a frame of its bytes.

The map is read as one row of numbers. Channels come round in it, and whole vectors of them too: the factors
and the shifts of so many numbers are constants.
"""

import math

import numpy as np
import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...targets import Core
from .kernel import Kernel, argument, dtype_of, llvm_cpu, nhwc
from .vectors import Index, Vector, channel_blocks


def scale_shift(node: ir.Node, core: Core) -> Kernel:
    """The kernel of `ScaleShift`: [1, H, W, C], which may be of bytes, by `factors` [C] and `shifts` [C].

    It is computed in single precision: factors and shifts are the same for all pixels, and
    so would be their rounding errors.
    """
    size, channels = math.prod(nhwc(node.inputs[0])), nhwc(node.inputs[0])[3]
    vector = Vector.of("float32", core)
    turn = math.lcm(channels, vector.lanes)
    by_channel = (node.attributes[role].as_floats() for role in ("factors", "shifts"))
    constants = [np.resize(np.array(numbers, np.float32), turn) for numbers in by_channel]
    with IRBuilder() as builder, T.prim_func():
        x = argument("x", (size,), dtype_of(node.inputs[0]))
        factors, shifts = (argument(name, (turn,), "float32") for name in ("factor", "shift"))
        out = argument("out", (size,), dtype_of(node.outputs[0]))

        def compute(part: Vector, first: Index, at: Index) -> None:
            number = part.load(x, first + at)
            part.store(out, number * part.load(factors, at) + part.load(shifts, at), first + at)

        with T.serial(size // turn) as row, T.serial(turn // vector.lanes) as step:
            compute(vector, row * turn, step * vector.lanes)
        for blocks in channel_blocks(size % turn, vector.lanes, vector):
            with T.serial(blocks.count) as block:
                compute(blocks.vector, tirx.const(size // turn * turn), blocks.channel(block, 0))
    return Kernel("scale_shift", builder.get(), constants, macs=0, llvm_cpu=llvm_cpu(core))
