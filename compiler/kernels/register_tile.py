"""The micro-kernel of pointwise convolutions and linear layers: a tile of sums held in registers.

A tile is some rows (pixels) by some vectors of output channels. For every input channel, one vector of
weights is multiplied by one number of each row: `fmla` by lane, the numbers of as many input channels as a
vector has lanes loaded at once; or, where there is no product by lane, one number loaded into all lanes.
Weights lie in panels [K][width], of whole vectors, one after the other.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from .epilogue import Epilogue
from .kernel import argument
from .loads import apart, once_more
from .map_mean import MapMean
from .vectors import Index, Vector

# What sums start as: numbers of a buffer, those of each row from its place on.
Starts: TypeAlias = tuple[tirx.Buffer, Sequence[Index]]
# What the rows of a tile have of one input channel, each in all lanes; None for a row that has nothing.
Numbers: TypeAlias = Sequence[tirx.Expr | None]
# Input channels in a step of the loop, where they are not the lanes of a vector.
UNROLLED = 4
# Rows of a tile at most: more make more code, and nothing faster.
MOST_ROWS = 14


def rows_held(vectors: int, vector: Vector) -> int:
    """The most rows of a tile of so many vectors, where a number is loaded into all lanes.

    Registers hold the sums, the weights of an input channel, and one number.
    """
    return max(1, min(MOST_ROWS, (vector.of_core - 1) // vectors - 1))


def pieces(total: int, largest: int) -> list[tuple[int, int]]:
    """`total` cut into the fewest pieces of at most `largest`, as equal as can be: (size, count), ..."""
    if not total:
        return []
    count = -(-total // largest)
    size, larger = divmod(total, count)
    return [piece for piece in ((size + 1, larger), (size, count - larger)) if all(piece)]


def panels(channels: int, vectors: int, vector: Vector) -> list[tuple[int, int]]:
    """`channels`, rounded up to whole vectors, cut into panels of at most so many: (width, count), ...

    A last panel that is not full stands alone.
    """
    cut = [(vector.lanes * size, count) for size, count in pieces(-(-channels // vector.lanes), vectors)]
    if channels % vector.lanes and cut[-1][1] > 1:
        last, count = cut.pop()
        cut += [(last, count - 1), (last, 1)]
    return cut


def pack(matrix: np.ndarray, vectors: int, vector: Vector) -> np.ndarray:
    """A matrix [N, K] as `panels`, [K][width] each, in one row; zeros fill the last."""
    channels, depth = matrix.shape
    parts, start = [], 0
    for size, count in panels(channels, vectors, vector):
        part = np.zeros((count * size, depth), matrix.dtype)
        rows = matrix[start : start + count * size]
        part[: len(rows)] = rows
        parts.append(part.reshape(count, size, depth).transpose(0, 2, 1).ravel())
        start += count * size
    return np.concatenate(parts)


def padded(numbers: np.ndarray, vector: Vector) -> np.ndarray:
    """[N] with zeros up to whole vectors."""
    return np.pad(numbers, (0, vector.rounded_up(len(numbers)) - len(numbers)))


def each(cuts: Sequence[tuple[int, int]]) -> Iterator[tuple[tirx.Expr | int, int]]:
    """Loop over `pieces`: the start and the size of each; the body is built once for each size."""
    start = 0
    for size, count in cuts:
        if count == 1:
            yield start, size
        else:
            with T.serial(count) as number:
                yield start + number * size, size
        start += size * count


def valid_columns(channel: tirx.Expr | int, width: int, channels: int) -> int:
    """How many channels of a panel there are: only a last one, which stands alone, may have fewer."""
    return min(width, channels - channel) if isinstance(channel, int) else width


def parameters(**tensors: np.ndarray | tuple[Sequence[int], str] | None) -> list[Any]:
    """The parameters of the function that is being built, by name, but as flat buffers; None stays None.

    Each is given as an array of its shape and type, or as these.
    """
    given = {
        name: (tensor.shape, tensor.dtype.name) if isinstance(tensor, np.ndarray) else tensor
        for name, tensor in tensors.items()
        if tensor is not None
    }
    buffers = {name: argument(name, tuple(shape), dtype) for name, (shape, dtype) in given.items()}
    flat = {
        name: T.decl_buffer((math.prod(given[name][0]),), buffer.dtype, data=buffer.data)
        for name, buffer in buffers.items()
    }
    return [flat.get(name) for name in tensors]


class RegisterTile:
    """The sums of `rows` x `width` channels, as vectors; they have to be started or filled.

    Code for the `pipeline` "out-of-order" has to be within `llvm_functions`: its vector pipes are left to
    multiply-adds, as far as can be.
    """

    def __init__(self, rows: int, width: int, vector: Vector, pipeline: str | None = None):
        self.rows, self.width, self.vector = rows, width, vector
        self._out_of_order = pipeline == "out-of-order"
        self.sums = vector.registers(rows * width // vector.lanes)

    @property
    def columns(self) -> range:
        """Where the vectors of a row begin."""
        return range(0, self.width, self.vector.lanes)

    def start(self, starts: Starts | None) -> None:
        """Start the sums, as zeros if with nothing else."""
        numbers, places = starts or (None, [])
        # A bias, which is constant; other rows start as sums that have just been stored.
        is_shared = len(places) > 1 and places[0] is places[1]
        for row in range(self.rows):
            for column in self.columns:
                if numbers is None:
                    self[row, column] = self.vector.zeros()
                elif is_shared and self._out_of_order:
                    self[row, column] = once_more(self.vector, numbers, [places[row] + column])
                else:
                    self[row, column] = self.vector.load(numbers, places[row] + column)

    def __getitem__(self, at: tuple[int, int]) -> tirx.Expr:
        """The vector of sums of a row that starts at a column."""
        row, column = at
        return self.vector.load(self.sums, row * self.width + column)

    def __setitem__(self, at: tuple[int, int], value: tirx.Expr) -> None:
        row, column = at
        self.vector.store(self.sums, value, row * self.width + column)

    def multiply(self, numbers: Numbers, weights: tirx.Buffer, at: tirx.Expr) -> None:
        """Add the products of a number of each row, in vectors of equal lanes, and `width` weights.

        Rows without a number stay as they are.
        """
        if not self.vector.by_lane:
            # A number is in a register only while its row takes it.
            loaded = [T.Bind(self.vector.load(weights, at + column)) for column in self.columns]
            for row, number in enumerate(numbers):
                if number is not None:
                    number = T.Bind(number)
                    for column, weight in zip(self.columns, loaded, strict=True):
                        self[row, column] = self[row, column] + number * weight
            return
        for column in self.columns:
            weight = T.Bind(self.vector.load(weights, at + column))
            for row, number in enumerate(numbers):
                if number is not None:
                    self[row, column] = self[row, column] + number * weight

    def multiply_rows(
        self,
        x: tirx.Buffer,
        starts: Sequence[tirx.Expr | None],
        depth: int,
        weights: tirx.Buffer,
        panel: tirx.Expr,
    ) -> None:
        """Add the products of rows of `x`, `depth` numbers from each of `starts`, and a panel of weights."""
        count = self.vector.lanes if self.vector.by_lane else UNROLLED
        numbers = self._by_lane if self.vector.by_lane else self._one_by_one

        def multiply_step(step: Index) -> None:
            for number, of_rows in enumerate(numbers(x, starts, step * count, count)):
                self.multiply(of_rows, weights, panel + (step * count + number) * self.width)

        # The loads that start the sums hide behind a first step that stands beside them. Where no loop is
        # left behind it, LLVM spills.
        ahead = int(self._out_of_order and depth >= 3 * count)
        for first in range(ahead):
            multiply_step(first)
        with T.serial(ahead, depth // count) as step:
            multiply_step(step)
        whole = depth // count * count
        for number, of_rows in enumerate(self._one_by_one(x, starts, whole, depth - whole)):
            self.multiply(of_rows, weights, panel + (whole + number) * self.width)

    def _by_lane(
        self, x: tirx.Buffer, starts: Sequence[tirx.Expr | None], k: Index, count: int
    ) -> Iterator[Numbers]:
        """Input channels from `k` on, loaded as vectors: those of all rows, channel by channel."""
        vector = self.vector
        loaded = [start if start is None else T.Bind(vector.load(x, start + k)) for start in starts]
        for lane in range(count):
            yield [row if row is None else vector.lane(row, lane) for row in loaded]

    def _one_by_one(
        self, x: tirx.Buffer, starts: Sequence[tirx.Expr | None], k: Index, count: int
    ) -> Iterator[Numbers]:
        """Input channels from `k` on, each loaded into all lanes."""
        vector, one = self.vector, self.vector.part(1)
        for at in (k + number for number in range(count)):
            yield [
                start if start is None else vector.spread(T.Bind(one.load(x, start + at))) for start in starts
            ]

    def store(
        self,
        out: tirx.Buffer | None,
        starts: Sequence[tirx.Expr],
        valid: int,
        epilogue: Epilogue,
        residual: tirx.Buffer | None = None,
        mean: MapMean | None = None,
        channel: Index = 0,
    ) -> None:
        """Store the first `valid` columns, each row from its start on, with `residual` and `epilogue`.

        They are also added to the `mean`, from `channel` on; without `out`, that is all.
        """
        vector = self.vector
        added: dict[int, tuple[Vector, tirx.Expr]] = {}
        for row, start in enumerate(starts):
            if self._out_of_order:
                start = apart(start)
            for column in range(0, valid, vector.lanes):
                if column + vector.lanes <= valid:
                    totals = [(vector, column, self[row, column])]
                else:
                    last = T.Bind(self[row, column])
                    totals = [
                        (part, column + lane, part.lanes_of(last, lane))
                        for lane, part in vector.tail(valid - column)
                    ]
                for part, place, total in totals:
                    if residual is not None:
                        total = epilogue.add(total, part.load(residual, start + place))
                    value = epilogue.apply(total)
                    if mean:
                        value = T.Bind(value)
                        added[place] = part, T.Bind(added[place][1] + value) if row else value
                    if out is not None:
                        part.store(out, value, start + place)
        if mean:
            for place, (part, total) in added.items():
                mean.add(part, channel + place, total)
