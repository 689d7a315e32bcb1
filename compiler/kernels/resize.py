"""Bilinear resizing of a map, NHWC: each output row is mixed of two rows of the map, then along its columns.

Which two pixels an output lies between, and how far from the first, is computed here and is a constant of the
kernel. The mixed row is short, and stays in the first cache; along it, outputs between the same two pixels
are computed together, so that these are loaded once. Where the result is wanted as planes, NCHW, or only the
largest channel of each pixel, a row of it is in the cache too, and the map is never in memory.
"""

from typing import Any, NamedTuple

import numpy as np
import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...frontend.shapes import shape_of
from ...targets import Core
from .argmax import store_places
from .kernel import Kernel, argument, dtype_of, llvm_cpu, nhwc, vector_of, view
from .transpose import store_planes
from .vectors import Vector, covering_blocks

# ONNX's coordinate_transformation_mode, without the one that crops.
COORDINATES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")
# Vectors that are mixed side by side.
VECTORS = 8


class Mix(NamedTuple):
    """How outputs along an axis are mixed of pixels; outputs between the same two pixels are a group.

    Of each group: its two `pixels`, and where it `starts` and the last one ends. Of each output: the `share`
    of the second pixel. Arrays, or the kernel's buffers of them.
    """

    pixels: Any
    starts: Any
    share: Any

    @classmethod
    def of(cls, coordinates: str, size: int, outputs: int, scale: float) -> "Mix":
        """Along an axis of `size` pixels, `coordinates` as ONNX names them.

        In single precision, as ONNX Runtime and PyTorch compute it, so that the shares are the same: those of
        half_pixel_symmetric but for the last bit of a place.
        """
        places = _places(coordinates, np.float32(size), np.float32(outputs), np.float32(scale))
        places = np.clip(places, 0, np.float32(size - 1))
        first, counts = np.unique(places.astype(np.int32), return_counts=True)
        pixels = np.stack([first, np.minimum(first + 1, size - 1)], axis=1).astype(np.int32)
        return cls(pixels, np.cumsum([0, *counts], dtype=np.int32), places - np.trunc(places))


def _places(coordinates: str, size: np.float32, outputs: np.float32, scale: np.float32) -> np.ndarray:
    """Where outputs lie on the map (ONNX, Resize, coordinate_transformation_mode)."""
    one, half = np.float32(1), np.float32(0.5)
    output = np.arange(outputs, dtype=np.float32)
    match coordinates:
        case "asymmetric":
            return output / scale
        case "align_corners":
            return output * (size - one) / max(outputs - one, one)
        case "pytorch_half_pixel" if outputs == 1:
            return output
        case "half_pixel_symmetric":
            offset = size / 2 * (one - outputs / (scale * size))
            return offset + (output + half) / scale - half
        case _:
            return (output + half) / scale - half


def resize(node: ir.Node, core: Core, *, planes: bool = False) -> Kernel:
    """The kernel of `Resize`: [1, H, W, C] to [1, h, w, C], by `coordinates` and the `scales` of H and W.

    With `planes` the output is [1, C, h, w]. That of `ResizeArgMax` is [1, h, w], int64.
    """
    _, height, width, channels = nhwc(node.inputs[0])
    rows, columns = shape_of(node.outputs[0])[-2:]
    coordinates, scales = node.attributes["coordinates"].as_string(), node.attributes["scales"].as_floats()
    vector = vector_of(node, core)
    vertical = Mix.of(coordinates, height, rows, scales[0])
    horizontal = Mix.of(coordinates, width, columns, scales[1])
    names_channels, shape = node.op_type == "ResizeArgMax", (rows, columns, channels)
    with IRBuilder() as builder, T.prim_func():
        x = argument("x", (height, width * channels), dtype_of(node.inputs[0]))
        of_rows, of_columns = _argument("row", vertical), _argument("column", horizontal)
        sizes = (rows * columns,) if names_channels else (channels, rows * columns) if planes else shape
        out = argument("out", sizes, dtype_of(node.outputs[0]))
        line = T.alloc_buffer((width * channels,), vector.dtype, scope="local")
        is_map = sizes == shape
        mixed = out if is_map else T.alloc_buffer((1, columns, channels), vector.dtype, scope="local")
        with T.serial(len(vertical.pixels)) as group, _outputs(of_rows, group) as row:
            _mix_rows(vector, x, of_rows, group, row, line)
            pixels = T.decl_buffer((width, channels), vector.dtype, data=line.data)
            with T.serial(len(horizontal.pixels)) as between:
                _mix_columns(vector, pixels, of_columns, between, mixed, row if is_map else 0)
            if names_channels:
                store_places(vector, view(mixed, 0, columns, channels), out, row * columns)
            elif planes:
                of_row = view(out, row * columns, channels, rows * columns)
                store_planes(vector, view(mixed, 0, columns, channels), of_row)
    family = "resize_argmax" if names_channels else "resize"
    return Kernel(family, builder.get(), [*vertical, *horizontal], macs=0, llvm_cpu=llvm_cpu(core))


def _argument(axis: str, mix: Mix) -> Mix:
    """The parameters for what `mix` holds."""
    return Mix(*(argument(f"{axis}_{name}", a.shape, a.dtype.name) for name, a in mix._asdict().items()))


def _outputs(mix: Mix, group: tirx.Expr) -> Any:
    """Loop over the outputs of a group."""
    return T.serial(mix.starts[group], mix.starts[group + 1])


def _mix_rows(
    vector: Vector, x: tirx.Buffer, mix: Mix, group: tirx.Expr, row: tirx.Expr, line: tirx.Buffer
) -> None:
    """Mix two rows of `x`, [H, W * C], into `line`, [W * C]."""
    share = T.Bind(T.cast(mix.share[row], vector.dtype))
    for blocks in covering_blocks(int(line.shape[0]), VECTORS * vector.lanes, vector):
        part = blocks.vector
        with T.serial(blocks.count) as block:
            for number in range(blocks.vectors):
                at = blocks.channel(block, number)
                first, second = (T.Bind(part.load(x, mix.pixels[group, i], at)) for i in (0, 1))
                part.store(line, first + part.spread(share) * (second - first), at)


def _mix_columns(
    vector: Vector, pixels: tirx.Buffer, mix: Mix, group: tirx.Expr, out: tirx.Buffer, row: tirx.Expr
) -> None:
    """Mix two `pixels` of a line, [W, C], into the outputs of row `row` that lie between them."""
    for blocks in covering_blocks(int(pixels.shape[1]), VECTORS * vector.lanes, vector):
        part = blocks.vector
        with T.serial(blocks.count) as block:
            places = [blocks.channel(block, number) for number in range(blocks.vectors)]
            firsts, seconds = (
                [T.Bind(part.load(pixels, mix.pixels[group, i], at)) for at in places] for i in (0, 1)
            )
            steps = [T.Bind(second - first) for first, second in zip(firsts, seconds, strict=True)]
            with _outputs(mix, group) as column:
                share = T.Bind(part.spread(T.cast(mix.share[column], vector.dtype)))
                for at, first, step in zip(places, firsts, steps, strict=True):
                    part.store(out, first + share * step, row, column, at)
