"""A depthwise layer, its parameters, buffers and registers: what its two micro-kernels share."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from .axis import Axis
from .epilogue import Epilogue
from .loads import REACH, can_halve, in_halves, once_more
from .vectors import LANES, Blocks, vector, zeros

FLOAT_BYTES = np.dtype(np.float32).itemsize


@dataclass(frozen=True)
class Layer:
    """A depthwise convolution of one map, NHWC; `squeeze` adds the sum over the map of what it stores."""

    rows: Axis
    columns: Axis
    channels: int
    epilogue: Epilogue
    residual: bool = False
    squeeze: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those with padding among them."""
        outputs = self.rows.outputs * self.columns.outputs * self.channels
        return outputs * self.rows.taps * self.columns.taps

    @property
    def pixel_bytes(self) -> int:
        """Of all channels of a pixel."""
        return FLOAT_BYTES * self.channels

    @property
    def input_bytes(self) -> int:
        """Of the map that it reads."""
        return self.rows.size * self.columns.size * self.pixel_bytes


@dataclass(frozen=True)
class Parameters:
    """How a layer is computed.

    A tile is `rows` outputs high. By "columns" it is rolled along the columns, all weights in registers; by
    "taps" it is one row, and loops over the rows of the window. It is at most `columns` long. Channels are
    done in blocks of `block`, for a `band` of so many tiles at a time; with `touch`, the lines of a band are
    asked for first. `pipeline` is the kind of core that loads are written for (`loads.py`), and `llvm_cpu`
    the one whose LLVM scheduler orders the instructions.
    """

    by: Literal["columns", "taps"]
    rows: int
    columns: int
    block: int
    band: int
    touch: bool
    pipeline: Literal["in-order", "out-of-order"] | None
    llvm_cpu: str


@dataclass(frozen=True)
class Tile:
    """`rows` rows of outputs from `row` on; of the rows of pixels that they see, `inside` are no padding."""

    row: tirx.Expr
    rows: int
    inside: tuple[int, ...]


class Buffers:
    """The arguments of the function: x, [residual], weight [kh][kw][C], bias [C], out, [sums [1, C]]."""

    def __init__(self, layer: Layer):
        rows, columns, channels = layer.rows, layer.columns, layer.channels
        shape = (1, rows.outputs, columns.outputs, channels)
        self.layer = layer
        self.x = _argument("x", (1, rows.size, columns.size, channels))
        self.residual = _argument("residual", shape) if layer.residual else None
        self.weight = _argument("weight", (rows.taps, columns.taps, channels))
        self.bias = _argument("bias", (channels,))
        self.out = _argument("out", shape)
        self.sums = _argument("sums", (1, channels)) if layer.squeeze else None
        if self.sums is not None:
            with T.serial(channels) as channel:
                T.buffer_store(self.sums, tirx.const(0, "float32"), [0, channel])


def _argument(name: str, shape: tuple[int, ...]) -> tirx.Buffer:
    return T.arg(name, T.buffer(shape, "float32"))


class Registers:
    """One vector of channels: `count` sums of it, and what is loaded to be added to them."""

    def __init__(
        self, buffers: Buffers, parameters: Parameters, blocks: Blocks, channel: tirx.Expr, count: int
    ):
        self._buffers, self._lanes, self._channel = buffers, blocks.lanes, channel
        self._channels = vector(channel, blocks.lanes)
        is_whole, channels = blocks.lanes == LANES, buffers.layer.channels
        self._halves = is_whole and can_halve(channels) and parameters.pipeline == "in-order"
        self._reloads_bias = is_whole and parameters.pipeline == "out-of-order" and parameters.by == "columns"
        self._bias = T.Bind(buffers.bias[self._channels])
        self._sums = T.alloc_buffer((count * blocks.lanes,), "float32", scope="local")
        if buffers.sums is not None:
            self._total = T.alloc_buffer((blocks.lanes,), "float32", scope="local")
            T.buffer_store(self._total, zeros(blocks.lanes), [vector(0, blocks.lanes)])

    def load(self, buffer: tirx.Buffer, before: list[tirx.Expr], start: tirx.Expr, number: int) -> tirx.Var:
        """Channels of `buffer` at `before`, `start` + `number`."""
        if not self._halves:
            return T.Bind(buffer[[*before, start + number, self._channels]])
        channels = self._buffers.layer.channels
        number_near = number % max(1, REACH // (2 * FLOAT_BYTES * channels))
        at = [*before, start + (number - number_near), self._channel]
        return T.Bind(in_halves(buffer, at, channels, number_near))

    def start(self, number: int) -> None:
        """Begin a sum, with the bias."""
        bias = once_more(self._buffers.bias, [self._channel]) if self._reloads_bias else self._bias
        T.buffer_store(self._sums, bias, [self._at(number)])

    def add(self, number: int, x: tirx.Expr, weight: tirx.Expr) -> None:
        """Add a product to a sum."""
        T.buffer_store(self._sums, self._sums[self._at(number)] + x * weight, [self._at(number)])

    def store(self, number: int, row: tirx.Expr, column: tirx.Expr) -> None:
        """Apply the epilogue to a sum, and store it as the output at `row`, `column`."""
        buffers, at = self._buffers, [0, row, column, self._channels]
        value = self._sums[self._at(number)]
        if buffers.residual is not None:
            value = buffers.layer.epilogue.add(value, buffers.residual[at])
        value = T.Bind(buffers.layer.epilogue.apply(value))
        T.buffer_store(buffers.out, value, at)
        if buffers.sums is not None:
            here = vector(0, self._lanes)
            T.buffer_store(self._total, self._total[here] + value, [here])

    def squeeze(self) -> None:
        """Add what was stored to the sums over the map."""
        if (sums := self._buffers.sums) is not None:
            at = [0, self._channels]
            T.buffer_store(sums, sums[at] + self._total[vector(0, self._lanes)], at)

    def _at(self, number: int) -> tirx.Expr:
        return vector(number * self._lanes, self._lanes)
