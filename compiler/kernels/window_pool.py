"""Average and maximum over windows of a map, NHWC: of a window, what lies in the map, channels in vectors.

A window is gone through row by row: a large one is more than the first cache holds, and in-order cores want
to be asked for what they will need in the order of memory.
"""

import math
import operator
from collections.abc import Callable

import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...targets import Core
from .kernel import Kernel, argument, dtype_of, llvm_cpu, nhwc, vector_of
from .loads import llvm_functions, touch
from .vectors import Vector, channel_blocks

# Vectors of channels side by side: one sum does not wait for the one before.
VECTORS = 8


def window_pool(node: ir.Node, core: Core) -> Kernel:
    """The kernel of `AveragePool` or `MaxPool`: [1, H, W, C] to [1, h, w, C]; averages are summed in float32.

    Every window has a pixel of the map; with `count_include_pad`, padding counts in an average.
    """
    _, height, width, channels = nhwc(node.inputs[0])
    _, rows, columns, _ = nhwc(node.outputs[0])
    taps, strides = (node.attributes[name].as_ints() for name in ("kernel_shape", "strides"))
    top, left, *_ = node.attributes["pads"].as_ints()
    is_average, dtype = node.op_type == "AveragePool", dtype_of(node.outputs[0])
    counts_padding = is_average and node.attributes.get_int("count_include_pad", 0) != 0
    vector = Vector.of("float32", core) if is_average else vector_of(node, core)
    touches = core.pipeline == "in-order"
    with IRBuilder() as builder, T.prim_func():
        x = argument("x", (height, width, channels), dtype_of(node.inputs[0]))
        out = argument("out", (rows, columns, channels), dtype)
        totals = T.alloc_buffer((channels,), vector.dtype, scope="local")
        functions = llvm_functions("in-order" if touches else None, vector)
        with functions, T.serial(rows) as row, T.serial(columns) as column:
            y, y_end = _inside(row * strides[0] - top, taps[0], height)
            z, z_end = _inside(column * strides[1] - left, taps[1], width)
            with T.serial(channels) as channel:
                T.buffer_store(totals, vector.number(0 if is_average else -math.inf), [channel])
            with T.serial(y, y_end) as i:
                if touches:
                    begin, end = ((i * width + pixel) * channels for pixel in (z, z_end))
                    touch(x, height * width * channels, begin, end)
                _add_row(vector, x, i, z, z_end, totals, operator.add if is_average else tirx.max)
            count = math.prod(taps) if counts_padding else (y_end - y) * (z_end - z)
            share = T.Bind(vector.number(1) / T.cast(count, vector.dtype)) if is_average else 1
            with T.serial(channels) as channel:
                T.buffer_store(out, T.cast(totals[channel] * share, dtype), [row, column, channel])
    family = "average_pool" if is_average else "max_pool"
    return Kernel(family, builder.get(), [], macs=0, llvm_cpu=llvm_cpu(core))


def _inside(start: tirx.Expr, taps: int, size: int) -> tuple[tirx.Expr, tirx.Expr]:
    """Of so many places from `start` on, those in the map: from, to."""
    return T.Bind(T.max(0, start)), T.Bind(T.min(size, start + taps))


def _add_row(
    vector: Vector,
    x: tirx.Buffer,
    i: tirx.Expr,
    begin: tirx.Expr,
    end: tirx.Expr,
    totals: tirx.Buffer,
    operation: Callable[[tirx.Expr, tirx.Expr], tirx.Expr],
) -> None:
    """Combine the pixels of row `i` of `x`, [H, W, C], from `begin` to `end` with `totals`, [C]."""
    for blocks in channel_blocks(int(totals.shape[0]), VECTORS * vector.lanes, vector):
        part = blocks.vector
        with T.serial(blocks.count) as block:
            places = [blocks.channel(block, number) for number in range(blocks.vectors)]
            total = part.registers(blocks.vectors)
            for number, at in enumerate(places):
                part.store(total, part.load(totals, at), number * part.lanes)
            with T.serial(begin, end) as j:
                for number, at in enumerate(places):
                    before, value = part.load(total, number * part.lanes), part.load(x, i, j, at)
                    part.store(total, operation(before, value), number * part.lanes)
            for number, at in enumerate(places):
                part.store(totals, part.load(total, number * part.lanes), at)
