"""An expansion (1x1) and the depthwise convolution behind it, band by band: the map between is never whole.

A band is some rows of outputs, done panel by panel of channels. The expanded rows that it sees are the lines
of a ring, which has no more: for each band, the rows that none before has seen are computed where those were
that none will see again. What one panel has of them is small enough for the first cache, or nearly.
"""

from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...targets.cores import Core
from .depthwise import compute_depthwise, scaled
from .depthwise import default as depthwise_default
from .depthwise import layer_of as depthwise_layer_of
from .depthwise import pack as pack_windows
from .depthwise_layer import Buffers, Layer
from .epilogue import Epilogue
from .kernel import Kernel, argument, array, dtype_of, given, holds, nhwc, precision_of, view
from .map_mean import MapMean
from .pointwise import Product
from .pointwise import candidates as pointwise_candidates
from .register_tile import each, pack, padded, panels, pieces, valid_columns
from .vectors import Index

# Rows of outputs of a band, at least.
ROWS = 2


@dataclass(frozen=True)
class Banding:
    """How it is done: in bands of at most `rows` rows of outputs, panels of at most `vectors` vectors.

    A band is convolved in tiles of `tile_rows` times at most `columns`. `llvm_cpu` is the core for which LLVM
    orders the instructions.
    """

    rows: int
    vectors: int
    tile_rows: int
    columns: int
    llvm_cpu: str | None


def is_expanded(node: ir.Node) -> bool:
    """Whether a fused `DepthwiseConv` expands what it reads."""
    return given(node, 4) is not None


def expand_depthwise(node: ir.Node, core: Core, banding: Banding | None = None) -> Kernel:
    """The kernel of a fused `DepthwiseConv` of x [1, H, W, K], expanded by weights [C, K, 1, 1], bias [C]."""
    banding = banding or default(node, core)
    layer, matrix = layer_of(node, core), array(node.inputs[4])[:, :, 0, 0]
    vector, epilogue = layer.vector, Epilogue.of(node, "expansion_")
    scale, (windows, bias) = np.float32(epilogue.scale), scaled(node, layer)
    cuts = panels(layer.channels, banding.vectors, vector)
    ends = np.cumsum([width for width, count in cuts for _ in range(count)])
    constants = [
        pack(matrix * scale, banding.vectors, vector).astype(precision_of(node)),
        padded(array(node.inputs[5]) * scale, vector).astype(vector.dtype),
        np.concatenate(
            [pack_windows(part, vector.line, vector) for part in np.split(windows, ends[:-1], axis=2)]
        ).astype(layer.stored.weight),
        bias,
    ]
    with IRBuilder() as builder, T.prim_func():
        x = argument("x", nhwc(node.inputs[0]), dtype_of(node.inputs[0]))
        _Bands(layer, banding, epilogue, core, x, constants).compute()
    macs = layer.macs + layer.rows.size * layer.columns.size * matrix.size
    family = f"expand_depthwise{layer.rows.taps}x{layer.columns.taps}"
    return Kernel(family, builder.get(), constants, macs, banding.llvm_cpu)


def layer_of(node: ir.Node, core: Core) -> Layer:
    """The depthwise convolution of `node`, which reads what it has expanded."""
    layer = depthwise_layer_of(node, core)
    return replace(layer, stored=replace(layer.stored, x=layer.vector.dtype))


def default(node: ir.Node, core: Core, vectors: int | None = None) -> Banding:
    """Parameters near the best for a fused node: a band is a tile of the depthwise convolution high.

    It has fewer rows where the first cache would not hold what a panel has of the ring and what is expanded
    into it, but two at least.
    """
    layer, depth = layer_of(node, core), nhwc(node.inputs[0])[3]
    tilings = pointwise_candidates(layer.columns.size, depth, layer.channels, layer.vector, core)
    vectors = vectors or tilings[0].vectors
    of_panel = replace(layer, channels=min(layer.channels, vectors * layer.vector.lanes))
    rows = max(depthwise_default(of_panel, core).rows, ROWS)
    new_rows = layer.rows.stride * layer.columns.size * depth * layer.vector.number_bytes
    while rows > ROWS and not holds(core.l1d, _of_band(of_panel, rows).input_bytes + rows * new_rows):
        rows = max(ROWS, rows // 2)
    return _banding(layer, rows, vectors, core)


def candidates(node: ir.Node, core: Core) -> list[Banding]:
    """What is worth measuring for a fused node, the default first."""
    first, layer = default(node, core), layer_of(node, core)
    others = [default(node, core, vectors) for vectors in (4, 3, 2)]
    others += [_banding(layer, rows, first.vectors, core) for rows in (2, 3, 4, 8)]
    return [*dict.fromkeys([first, *others])]


def _banding(layer: Layer, rows: int, vectors: int, core: Core) -> Banding:
    band = _of_band(replace(layer, channels=min(layer.channels, vectors * layer.vector.lanes)), rows)
    convolution = depthwise_default(band, core)
    return Banding(rows, vectors, min(rows, convolution.rows), convolution.columns, convolution.llvm_cpu)


def _of_band(layer: Layer, rows: int) -> Layer:
    """So many rows of outputs of `layer`: padding above and below is among what they read."""
    return replace(layer, rows=replace(layer.rows, size=len(layer.rows.pixels(rows)), before=0, after=0))


class _Bands:
    """The function that is being built. Rows of pixels are numbered from the first one of padding."""

    def __init__(
        self,
        layer: Layer,
        banding: Banding,
        epilogue: Epilogue,
        core: Core,
        x: tirx.Buffer,
        constants: list[np.ndarray],
    ):
        self._layer, self._x, self._epilogue = layer, x, epilogue
        names = ("expansion", "expansion_bias", "weight", "bias")
        self._expansion, self._expansion_bias, self._weight, self._bias = (
            argument(name, numbers.shape, numbers.dtype.name)
            for name, numbers in zip(names, constants, strict=True)
        )
        rows, columns, channels = layer.rows, layer.columns, layer.channels
        shape = (1, rows.outputs, columns.outputs, channels)
        self._out = argument("out", shape, layer.stored.out) if layer.stores_map else None
        means = argument("mean", (channels,), layer.stored.mean) if layer.squeeze else None
        self._mean = MapMean.begun(means, rows.outputs * columns.outputs)

        self._bands = pieces(rows.outputs, banding.rows)
        self._panels = panels(channels, banding.vectors, layer.vector)
        self._lines = len(rows.pixels(self._bands[0][0]))
        self._ring = T.alloc_buffer((self._lines * columns.size * channels,), layer.vector.dtype)
        tilings = pointwise_candidates(columns.size, int(x.shape[3]), channels, layer.vector, core)
        self._tiling = replace(tilings[0], vectors=banding.vectors, block=0, chunk=0)
        self._parameters = replace(
            depthwise_default(_of_band(layer, banding.rows), core),
            rows=banding.tile_rows,
            columns=banding.columns,
            block=layer.vector.line,
            band=banding.rows,
            touch=False,
        )

    def compute(self) -> None:
        """All bands, one after the other, each panel by panel."""
        rows = self._layer.rows
        for channel, width in each(self._panels):
            for row in range(rows.before):
                self._clear(row, channel, width)
        for first, count in each(self._bands):
            seen = first * rows.stride + max(0, rows.span - rows.stride)
            begin = T.Bind(tirx.if_then_else(first == 0, rows.before, seen))
            end = (first + count - 1) * rows.stride + rows.span
            inside = T.Bind(tirx.min(end, rows.before + rows.size))
            for channel, width in each(self._panels):
                with T.serial(begin, inside) as row:
                    self._expand(row, channel, width)
                with T.serial(inside, end) as row:
                    self._clear(row, channel, width)
                self._convolve(first, count, channel, width)

    def _valid(self, channel: Index, width: int) -> int:
        """Channels of a panel."""
        return valid_columns(channel, width, self._layer.channels)

    def _line(self, row: Index, channel: Index, width: int) -> tirx.Buffer:
        """Where the ring has a row of a panel."""
        size, before = self._layer.columns.size * self._valid(channel, width), channel * self._lines
        return view(self._ring, before * self._layer.columns.size + row % self._lines * size, size)

    def _clear(self, row: Index, channel: Index, width: int) -> None:
        line, vector = self._line(row, channel, width), self._layer.vector
        size = int(line.shape[0])
        with T.serial(size // vector.lanes) as number:
            vector.store(line, vector.zeros(), number * vector.lanes)
        for start, part in vector.tail(size % vector.lanes):
            part.store(line, part.zeros(), vector.whole(size) + start)

    def _expand(self, row: Index, channel: Index, width: int) -> None:
        pixels, depth = self._layer.columns.size, int(self._x.shape[3])
        Product(
            view(self._x, (row - self._layer.rows.before) * (pixels * depth), pixels * depth),
            view(self._expansion, channel * depth, width * depth),
            view(self._expansion_bias, channel, width),
            self._line(row, channel, width),
            (pixels, depth, self._valid(channel, width)),
            self._layer.vector,
            self._tiling,
            self._epilogue,
        ).compute()

    def _convolve(self, first: Index, count: int, channel: Index, width: int) -> None:
        layer, channels, out, mean = self._layer, self._valid(channel, width), self._out, self._mean
        rows, columns, lines = layer.rows, layer.columns, self._lines
        if out is not None:
            row = columns.outputs * layer.channels
            shape, strides = (1, count, columns.outputs, channels), (count * row, row, layer.channels, 1)
            at = first * row + channel
            out = T.decl_buffer(shape, out.dtype, data=out.data, strides=strides, elem_offset=at)
        taps = rows.taps * columns.taps
        buffers = Buffers(
            replace(_of_band(layer, count), channels=channels),
            view(self._ring, channel * (lines * columns.size), 1, lines, columns.size, channels),
            None,
            view(self._weight, channel * taps, channels * taps),
            view(self._bias, channel, channels),
            out,
            mean and replace(mean, buffer=view(mean.buffer, channel, channels)),
            T.Bind(first * rows.stride % lines),
        )
        compute_depthwise(buffers, self._parameters)
