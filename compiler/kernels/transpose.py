"""A map with its axes in the other order: NCHW to NHWC or back, a transposed matrix of pixels and channels.

Squares of a vector's side are transposed in registers. They are taken such that what is read and what is
written is whole cache lines: as many rows as a line has numbers, and long runs of columns, which in-order
cores are asked for first.
"""

import numpy as np
import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...frontend.shapes import shape_of
from ...targets import Core
from ..layout import Layout
from .inline_assembly import touch
from .kernel import Kernel, argument, dtype_of, llvm_cpu
from .register_tile import each, pieces
from .vectors import Index, Vector, covering_blocks

# Columns of a run: with the rows of a line, half of the smallest first cache.
RUN_LINES = 16


def transpose(value: ir.Value, layout: Layout, core: Core) -> Kernel:
    """The kernel that brings the map `value` into `layout` from the other one."""
    _, channels, height, width = shape_of(value)
    shape = (channels, height * width) if layout == "nhwc" else (height * width, channels)
    # Numbers are moved, whatever they are.
    dtype = f"uint{8 * np.dtype(dtype_of(value)).itemsize}"
    vector = Vector.of(dtype, core)
    rows, columns = shape
    with IRBuilder() as builder, T.prim_func():
        x, out = argument("x", shape, dtype), argument("out", shape[::-1], dtype)
        for run, size in each(pieces(columns, RUN_LINES * vector.line)):
            for blocks in covering_blocks(rows, vector.line, vector):
                with T.serial(blocks.count) as block:
                    first = blocks.channel(block, 0)
                    if core.pipeline == "in-order":
                        _touch(x, shape, first, blocks.vectors * blocks.vector.lanes, run, size)
                    for across in covering_blocks(size, vector.lanes, vector):
                        with T.serial(across.count) as step:
                            column = run + across.channel(step, 0)
                            for number in range(blocks.vectors):
                                row = first + number * blocks.vector.lanes
                                _transpose(x, out, row, column, blocks.vector, across.vector)
    return Kernel("transpose", builder.get(), [], macs=0, llvm_cpu=llvm_cpu(core))


def store_planes(vector: Vector, x: tirx.Buffer, out: tirx.Buffer) -> None:
    """Store pixels `x`, [N, C], as planes: in the first N numbers of each row of `out`, [C, ...]."""
    pixels, channels = map(int, x.shape)
    for down in covering_blocks(pixels, vector.lanes, vector):
        with T.serial(down.count) as step:
            pixel = down.channel(step, 0)
            for across in covering_blocks(channels, vector.lanes, vector):
                with T.serial(across.count) as block:
                    _transpose(x, out, pixel, across.channel(block, 0), down.vector, across.vector)


def _touch(x: tirx.Buffer, shape: tuple[int, int], first: Index, count: int, run: Index, size: int) -> None:
    """Touch `size` columns from `run` on of `count` rows: each by itself, or all where they are whole."""
    rows, columns = shape
    flat = T.decl_buffer((rows * columns,), x.dtype, data=x.data)
    if size == columns:
        touch(flat, first * columns, count * columns)
    else:
        with T.serial(count) as row:
            touch(flat, (first + row) * columns + run, size)


def _transpose(
    x: tirx.Buffer, out: tirx.Buffer, row: Index, column: Index, down: Vector, across: Vector
) -> None:
    """Transpose `down` rows by `across` columns: as a square of 2^n in registers, or number by number."""
    if down != across or down.lanes.bit_count() != 1:
        for i in range(down.lanes):
            for j in range(across.lanes):
                T.buffer_store(out, T.cast(x[row + i, column + j], out.dtype), [column + j, row + i])
        return
    lanes = down.lanes
    lines = [T.Bind(across.load(x, row + i, column)) for i in range(lanes)]
    low = [lane for pair in range(lanes // 2) for lane in (pair, lanes + pair)]
    high = [lane + lanes // 2 for lane in low]
    # Each turn zips the lines of the upper half with those of the lower: log2(lanes) turns transpose.
    for _ in range(lanes.bit_length() - 1):
        pairs = zip(lines[: lanes // 2], lines[lanes // 2 :], strict=True)
        lines = [T.Bind(T.Shuffle([*pair], order)) for pair in pairs for order in (low, high)]
    for j, line in enumerate(lines):
        down.store(out, line, column + j, row)
