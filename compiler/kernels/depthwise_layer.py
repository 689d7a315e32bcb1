"""A depthwise layer, its parameters, buffers and registers: what its two micro-kernels share."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from .axis import Axis
from .epilogue import Epilogue
from .kernel import argument
from .loads import REACH, apart, can_halve, in_halves, once_more
from .map_mean import MapMean
from .vectors import LINE, Blocks, Index, Vector


@dataclass(frozen=True)
class Storage:
    """The types that a layer's tensors have in memory."""

    x: str = "float32"
    weight: str = "float32"
    residual: str = "float32"
    out: str = "float32"
    mean: str = "float32"


@dataclass(frozen=True)
class Layer:
    """A depthwise convolution of one map, NHWC, computed as `vector`, from what is `stored`.

    It puts out the map, if `stores_map`, and the mean over it, if `squeeze`.
    """

    rows: Axis
    columns: Axis
    channels: int
    vector: Vector
    epilogue: Epilogue
    residual: bool = False
    squeeze: bool = False
    stores_map: bool = True
    stored: Storage = field(default_factory=Storage)

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those with padding among them."""
        outputs = self.rows.outputs * self.columns.outputs * self.channels
        return outputs * self.rows.taps * self.columns.taps

    @property
    def pixel_bytes(self) -> int:
        """Of all channels of a pixel."""
        return np.dtype(self.stored.x).itemsize * self.channels

    @property
    def input_bytes(self) -> int:
        """Of the map that it reads."""
        return self.rows.size * self.columns.size * self.pixel_bytes

    @property
    def block_bytes(self) -> int:
        """Of a cache line of every pixel of that map."""
        return self.rows.size * self.columns.size * LINE


@dataclass(frozen=True)
class Parameters:
    """How a layer is computed.

    A tile is `rows` outputs high. By "columns" it is rolled along the columns, all weights in registers; by
    "taps" it is one row, of so many `vectors` side by side, and loops over the rows of the window. It is at
    most `columns` long. Channels are done in blocks of `block`, for a `band` of so many tiles at a time; with
    `touch`, the lines of a band are asked for first. `pipeline` is the kind of core that loads are written
    for (`loads.py`), and `llvm_cpu` the one whose LLVM scheduler orders the instructions.
    """

    by: Literal["columns", "taps"]
    rows: int
    columns: int
    block: int
    band: int
    touch: bool
    pipeline: Literal["in-order", "out-of-order"] | None
    llvm_cpu: str | None
    vectors: int = 1


@dataclass(frozen=True)
class Tile:
    """`rows` rows of outputs from `row` on; of the rows of pixels that they see, `inside` are no padding."""

    row: tirx.Expr
    rows: int
    inside: tuple[int, ...]


@dataclass(frozen=True)
class Buffers:
    """The tensors of `layer`: x, [residual], weight [C * kh * kw], bias [C], [out], [mean [C]].

    x may be a ring of rows: the first one of the map is at `first_line`, that after the last of x at 0.
    """

    layer: Layer
    x: tirx.Buffer
    residual: tirx.Buffer | None
    weight: tirx.Buffer
    bias: tirx.Buffer
    out: tirx.Buffer | None
    mean: MapMean | None
    first_line: Index | None = None

    @classmethod
    def arguments(cls, layer: Layer) -> "Buffers":
        """The parameters of the function that is being built."""
        rows, columns, channels = layer.rows, layer.columns, layer.channels
        shape = (1, rows.outputs, columns.outputs, channels)
        x = argument("x", (1, rows.size, columns.size, channels), layer.stored.x)
        residual = argument("residual", shape, layer.stored.residual) if layer.residual else None
        weight = argument("weight", (channels * rows.taps * columns.taps,), layer.stored.weight)
        bias = argument("bias", (channels,), layer.vector.dtype)
        out = argument("out", shape, layer.stored.out) if layer.stores_map else None
        means = argument("mean", (channels,), layer.stored.mean) if layer.squeeze else None
        mean = MapMean.begun(means, rows.outputs * columns.outputs)
        return cls(layer, x, residual, weight, bias, out, mean)

    def line(self, row: tirx.Expr) -> tirx.Expr:
        """Where row `row` of the map is in x."""
        if self.first_line is None:
            return row
        line, lines = row + self.first_line, int(self.x.shape[1])
        return T.Bind(tirx.if_then_else(line < lines, line, line - lines))


class Registers:
    """A `vector` from number `start` of a block of channels on: `count` sums of it, and what they sum up.

    The vector may be as long as several registers. Pixels of a map are numbered row by row.
    """

    def __init__(
        self,
        buffers: Buffers,
        parameters: Parameters,
        blocks: Blocks,
        block: tirx.Expr,
        start: Index,
        vector: Vector,
        count: int,
    ):
        layer, channel = buffers.layer, blocks.channel(block, 0) + start
        self._buffers, self._vector, self._channel = buffers, vector, channel
        is_whole = vector == layer.vector
        self._in_halves = is_whole and parameters.pipeline == "in-order"
        self._width = blocks.width
        # The block's weights, and in each tap's the vector's.
        before = layer.rows.taps * layer.columns.taps * blocks.channel(block, 0)
        self._weights = before + start
        self._is_out_of_order = parameters.pipeline == "out-of-order"
        self._is_long = vector.lanes > layer.vector.lanes
        self._reloads_bias = is_whole and self._is_out_of_order and parameters.by == "columns"
        self._bias = T.Bind(self._vector.load(buffers.bias, channel))
        self._sums = self._vector.registers(count)
        if buffers.mean:
            self._total = self._vector.registers(1)
            self._vector.store(self._total, self._vector.zeros(), 0)

    def place(self, row: tirx.Expr, column: tirx.Expr) -> tirx.Expr:
        """The number of a pixel of x, from which others of the row are counted."""
        return self._apart(self._buffers.line(row) * self._buffers.layer.columns.size + column)

    def _apart(self, number: tirx.Expr) -> tirx.Expr:
        return apart(number) if self._is_out_of_order else number

    def pixel(self, place: tirx.Expr, number: int) -> tirx.Var:
        """What x has `number` pixels after that at `place`."""
        channels = self._buffers.layer.channels
        # Numbers that one base reaches.
        near = number % max(1, REACH // (2 * self._vector.number_bytes * channels))
        return self._load(self._buffers.x, [0, 0, place + (number - near), self._channel], channels, near)

    def weight(self, row_tap: Index, column_tap: int) -> tirx.Var:
        """The weights of a tap."""
        at = self._weights + row_tap * (self._buffers.layer.columns.taps * self._width)
        return self._load(self._buffers.weight, [at], self._width, column_tap)

    def _load(self, buffer: tirx.Buffer, at: list[Index], stride: int, number: int) -> tirx.Var:
        """The vector `number` strides after that at `at`."""
        if self._in_halves and buffer.dtype == self._vector.dtype and can_halve(self._vector, stride):
            return T.Bind(in_halves(self._vector, buffer, at, stride, number))
        if len(at) > 1:
            return T.Bind(self._vector.load(buffer, *at[:-2], at[-2] + number, at[-1]))
        return T.Bind(self._vector.load(buffer, at[0] + number * stride))

    def start(self, number: int) -> None:
        """Begin a sum, with the bias."""
        bias = (
            once_more(self._vector, self._buffers.bias, [self._channel]) if self._reloads_bias else self._bias
        )
        self._vector.store(self._sums, bias, self._at(number))

    def add(self, number: int, x: tirx.Expr, weight: tirx.Expr) -> None:
        """Add a product to a sum."""
        self._vector.store(self._sums, self._sum(number) + x * weight, self._at(number))

    def store(self, number: int, row: tirx.Expr, column: tirx.Expr) -> None:
        """Apply the epilogue to a sum, and store it as the output at `row`, `column`."""
        buffers, columns = self._buffers, self._buffers.layer.columns.outputs
        place = row * columns + column
        at = [0, 0, self._apart(place) if self._is_long else place, self._channel]
        value = self._sum(number)
        if buffers.residual is not None:
            value = buffers.layer.epilogue.add(value, self._vector.load(buffers.residual, *at))
        value = T.Bind(buffers.layer.epilogue.apply(value))
        if buffers.out is not None:
            self._vector.store(buffers.out, value, *at)
        if buffers.mean:
            self._vector.store(self._total, self._vector.load(self._total, 0) + value, 0)

    def squeeze(self) -> None:
        """Add what was put out to the mean over the map."""
        if self._buffers.mean:
            self._buffers.mean.add(self._vector, self._channel, self._vector.load(self._total, 0))

    def _sum(self, number: int) -> tirx.Expr:
        return self._vector.load(self._sums, self._at(number))

    def _at(self, number: int) -> int:
        return number * self._vector.lanes
