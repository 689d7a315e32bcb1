"""Convolution over all channels with a window: the stem, a full 3x3. NHWC, borders peeled, not padded.

A tile is some pixels of one output row by a panel of channels. In each row of the window, the tile's inputs
lie next to each other in memory: where the channels are few, as in the stem, they are loaded as vectors and
multiplied by lane; where they are many, each tap of the window is a pointwise product. A map of few channels
may also come as planes, NCHW, as a picture does: its row of the window is a row of each plane.
"""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...frontend.shapes import shape_of
from ...targets import Core
from .bounded_sums import is_bounded
from .epilogue import Epilogue
from .inline_assembly import touch
from .kernel import Kernel, array, dtype_of, given, llvm_cpu, nhwc, precision_of, vector_of
from .loads import llvm_functions
from .map_mean import MapMean
from .register_tile import (
    RegisterTile,
    each,
    pack,
    padded,
    panels,
    parameters,
    pieces,
    rows_held,
    valid_columns,
)
from .vectors import Vector

# Inputs of one row of the window up to which its products are written out one by one.
UNROLLED = 32


@dataclass(frozen=True)
class Tiling:
    """Pixels, and vectors of channels, of a tile, at most; for which core LLVM orders the instructions."""

    pixels: int
    vectors: int
    llvm_cpu: str | None = None


def candidates(channels: int, vector: Vector, core: Core) -> list[Tiling]:
    """The tilings worth measuring for so many output channels, the best guess first."""
    if not vector.by_lane:
        most = -(-channels // vector.lanes)
        return [
            Tiling(rows_held(vectors, vector), vectors)
            for vectors in sorted({min(most, n) for n in (2, 3, 4)})
        ]
    # An in-order core waits at every vector load: of weights there are fewer in a narrow panel.
    sizes = ((8, 2), (7, 2), (6, 3)) if core.pipeline == "in-order" else ((5, 4), (4, 4), (6, 3))
    return [Tiling(pixels, vectors, llvm_cpu(core)) for pixels, vectors in sizes]


def may_read_planes(node: ir.Node) -> bool:
    """Whether the kernel of a fused `Conv` can take x in NCHW: where it would load it as vectors anyway."""
    _, depth, _, kw = array(node.inputs[1]).shape
    return depth * kw <= UNROLLED and node.attributes["dilations"].as_ints()[1] == 1


def conv(node: ir.Node, core: Core, tiling: Tiling | None = None, *, planes: bool = False) -> Kernel:
    """The kernel of a fused `Conv`: x [1, H, W, K], weight [N, K, kh, kw], bias [N]; output [1, h, w, N].

    A residual of the output's shape may follow. With `planes`, x is [1, K, H, W].
    """
    vector, weight = vector_of(node, core), array(node.inputs[1])
    if not is_bounded(vector, weight[0].size):
        vector = Vector.of("float32", core)
    tiling = tiling or candidates(len(weight), vector, core)[0]
    epilogue = Epilogue.of(node)
    scale = np.float32(epilogue.scale)
    matrix = weight.transpose((0, 2, 1, 3) if planes else (0, 2, 3, 1)).reshape(len(weight), -1)
    constants = [
        pack(matrix * scale, tiling.vectors, vector).astype(precision_of(node)),
        padded(array(node.inputs[2]) * scale, vector).astype(vector.dtype),
    ]
    window, result = _Window.of(node, planes), nhwc(node.outputs[0])
    _, height, width, channels = result
    with IRBuilder() as builder, T.prim_func():
        x, added, weights, bias, out, means = parameters(
            x=(shape_of(node.inputs[0]) if planes else nhwc(node.inputs[0]), dtype_of(node.inputs[0])),
            residual=(result, dtype_of(node.inputs[3])) if given(node, 3) else None,
            weight=constants[0],
            bias=constants[1],
            out=(result, dtype_of(node.outputs[0])) if node.outputs[0].name else None,
            mean=((channels,), dtype_of(node.outputs[1])) if len(node.outputs) > 1 else None,
        )
        mean = MapMean.begun(means, height * width)
        with llvm_functions(core.pipeline, vector), T.serial(height) as y:
            if planes and core.pipeline == "in-order":
                window.touch_rows(x, y)
            for channel, panel in each(panels(channels, tiling.vectors, vector)):
                for first, pixels in each(window.cut(width, tiling.pixels)):
                    tile = RegisterTile(pixels, panel, vector, core.pipeline)
                    tile.start((bias, [channel] * pixels))
                    with T.serial(*window.rows_inside(y)) as i:
                        at = channel * matrix.shape[1] + i * window.row_taps * panel
                        window.multiply_row(tile, x, y, i, first, weights, at)
                    places = [(y * width + first + pixel) * channels + channel for pixel in range(pixels)]
                    valid = valid_columns(channel, panel, channels)
                    tile.store(out, places, valid, epilogue, added, mean, channel)
    macs = height * width * weight.size
    return Kernel(f"conv{window.kh}x{window.kw}", builder.get(), constants, macs, tiling.llvm_cpu)


@dataclass(frozen=True)
class _Window:
    """A window of kh x kw taps, sliding over a map [height, width, depth], or `planes` of it, depth first."""

    height: int
    width: int
    depth: int
    kh: int
    kw: int
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    top: int
    left: int
    planes: bool

    @classmethod
    def of(cls, node: ir.Node, planes: bool) -> "_Window":
        strides, dilations, pads = (node.attributes[a].as_ints() for a in ("strides", "dilations", "pads"))
        _, _, kh, kw = array(node.inputs[1]).shape
        _, height, width, depth = nhwc(node.inputs[0])
        top, left, *_ = pads
        return cls(height, width, depth, kh, kw, tuple(strides), tuple(dilations), top, left, planes)

    @property
    def row_taps(self) -> int:
        """Inputs of one row of the window."""
        return self.kw * self.depth

    def rows_inside(self, y: tirx.Expr) -> tuple[tirx.Expr, tirx.Expr]:
        """The rows of the window that lie in the map, for output row `y`: from, to."""
        above, dilation = self.top - y * self.strides[0], self.dilations[0]
        first = T.max(0, (above + dilation - 1) // dilation)
        return first, T.min(self.kh, (above + self.height + dilation - 1) // dilation)

    def touch_rows(self, x: tirx.Buffer, y: tirx.Expr) -> None:
        """Touch what output row `y` sees of each plane and no row before it has seen."""
        rows = min(self.strides[0], self.height)
        first = y * self.strides[0] - self.top + (self.kh - 1) * self.dilations[0] + 1 - rows
        first = T.Bind(T.max(0, T.min(first, self.height - rows)))
        for channel in range(self.depth):
            touch(x, (channel * self.height + first) * self.width, rows * self.width)

    def cut(self, outputs: int, largest: int) -> list[tuple[int, int]]:
        """A row of `outputs` cut into tiles as `pieces` are, those at the borders one by one."""
        stride, reach = self.strides[1], (self.kw - 1) * self.dilations[1]
        beyond_left = min(outputs, -(-self.left // stride))
        beyond_right = outputs - max(0, min(outputs, (self.width + self.left - reach - 1) // stride + 1))
        left = min(outputs, max(largest, beyond_left)) if beyond_left else 0
        right = min(outputs - left, max(largest, beyond_right)) if beyond_right else 0
        cuts = [(size, 1) for size, count in pieces(left, largest) for _ in range(count)]
        cuts += pieces(outputs - left - right, largest)
        return cuts + [(size, 1) for size, count in pieces(right, largest) for _ in range(count)]

    def multiply_row(
        self,
        tile: RegisterTile,
        x: tirx.Buffer,
        y: tirx.Expr,
        i: tirx.Expr,
        first: tirx.Expr | int,
        weights: tirx.Buffer,
        at: tirx.Expr,
    ) -> None:
        """Add what row `i` of the window gives to outputs from `first` on of row `y`; weights from `at`."""
        column = first * self.strides[1] - self.left
        pixel = (y * self.strides[0] - self.top + i * self.dilations[0]) * self.width + column
        if self.planes:
            for channel in range(self.depth):
                line = channel * self.height * self.width + pixel
                self._multiply_line(tile, x, line, column, 1, weights, at + channel * self.kw * tile.width)
            return
        line = pixel * self.depth
        if self.row_taps > UNROLLED or self.dilations[1] > 1:
            for j in range(self.kw):
                columns = [row * self.strides[1] + j * self.dilations[1] for row in range(tile.rows)]
                starts = [
                    line + relative * self.depth if self._is_inside(column, relative) else None
                    for relative in columns
                ]
                tile.multiply_rows(x, starts, self.depth, weights, at + j * self.depth * tile.width)
            return
        self._multiply_line(tile, x, line, column, self.depth, weights, at)

    def _multiply_line(
        self,
        tile: RegisterTile,
        x: tirx.Buffer,
        line: tirx.Expr,
        column: tirx.Expr | int,
        depth: int,
        weights: tirx.Buffer,
        at: tirx.Expr,
    ) -> None:
        """Add the products of a line of pixels of `depth` numbers, from `column` of the map on, by lane."""
        taken = range((tile.rows - 1) * self.strides[1] + self.kw)
        inside = [relative for relative in taken if self._is_inside(column, relative)]
        numbers = _lanes(tile.vector, x, line, inside[0] * depth, (inside[-1] + 1) * depth)
        for tap in range(self.kw * depth):
            of_rows = [numbers.get(row * self.strides[1] * depth + tap) for row in range(tile.rows)]
            tile.multiply(of_rows, weights, at + tap * tile.width)

    def _is_inside(self, column: tirx.Expr | int, relative: int) -> bool:
        """Whether a column of the map exists; tiles that are looped over are not at a border."""
        return not isinstance(column, int) or 0 <= column + relative < self.width


def _lanes(vector: Vector, x: tirx.Buffer, line: tirx.Expr, start: int, end: int) -> dict[int, tirx.Expr]:
    """The numbers of `x` from `line` + `start` to `line` + `end`, each in all lanes of a vector."""
    if end - start < vector.lanes or not vector.by_lane:
        one = vector.part(1)
        return {at: vector.spread(T.Bind(one.load(x, line + at))) for at in range(start, end)}
    numbers: dict[int, tirx.Expr] = {}
    for at in range(start, end, vector.lanes):
        # The last vector reaches back, not over the end.
        at = min(at, end - vector.lanes)
        loaded = T.Bind(vector.load(x, line + at))
        numbers |= {at + lane: vector.lane(loaded, lane) for lane in range(vector.lanes)}
    return numbers
