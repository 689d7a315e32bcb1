"""The micro-kernel of pointwise convolutions and linear layers: a tile of sums held in registers.

A tile is some rows (pixels) by some vectors of output channels. For every input channel, one vector of
weights is multiplied by one number of each row: `fmla` by lane, the numbers of four input channels loaded as
one vector. Weights lie in panels [K][width], the width a multiple of LANES, one after the other.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from .epilogue import Epilogue

LANES = 4


def pieces(total: int, largest: int) -> list[tuple[int, int]]:
    """`total` cut into the fewest pieces of at most `largest`, as equal as can be: (size, count), ..."""
    if not total:
        return []
    count = -(-total // largest)
    size, larger = divmod(total, count)
    return [piece for piece in ((size + 1, larger), (size, count - larger)) if all(piece)]


def panels(channels: int, width: int) -> list[tuple[int, int]]:
    """`channels`, rounded up to whole vectors, cut into panels of at most `width`: (width, count), ...

    A last panel that is not full stands alone.
    """
    cut = [(LANES * size, count) for size, count in pieces(-(-channels // LANES), width // LANES)]
    if channels % LANES and cut[-1][1] > 1:
        last, count = cut.pop()
        cut += [(last, count - 1), (last, 1)]
    return cut


def pack(matrix: np.ndarray, width: int) -> np.ndarray:
    """A matrix [N, K] as `panels` of at most `width`, [K][width] each, in one row; zeros fill the last."""
    channels, depth = matrix.shape
    parts, start = [], 0
    for size, count in panels(channels, width):
        part = np.zeros((count * size, depth), matrix.dtype)
        rows = matrix[start : start + count * size]
        part[: len(rows)] = rows
        parts.append(part.reshape(count, size, depth).transpose(0, 2, 1).ravel())
        start += count * size
    return np.concatenate(parts)


def padded(vector: np.ndarray) -> np.ndarray:
    """[N] with zeros up to whole vectors."""
    return np.pad(vector, (0, -len(vector) % LANES))


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


def parameters(**shapes: Sequence[int] | None) -> list[tirx.Buffer | None]:
    """The parameters of the function that is being built, by name, but as flat buffers; None stays None."""
    given = {name: tuple(shape) for name, shape in shapes.items() if shape is not None}
    buffers = {name: T.arg(name, T.buffer(shape, "float32")) for name, shape in given.items()}
    flat = {
        name: T.decl_buffer((math.prod(given[name]),), "float32", data=buffer.data)
        for name, buffer in buffers.items()
    }
    return [flat.get(name) for name in shapes]


def vector(buffer: tirx.Buffer, at: tirx.Expr | int) -> tirx.Expr:
    """Four elements of a flat buffer, from `at` on."""
    return buffer[T.Ramp(at, 1, LANES)]


class RegisterTile:
    """The sums of `rows` x `width` channels; they have to be started or filled."""

    def __init__(self, rows: int, width: int):
        self.rows, self.width = rows, width
        self.sums = T.alloc_buffer((rows * width,), "float32", scope="local")

    def start(self, values: tirx.Buffer, places: Sequence[tirx.Expr]) -> None:
        """Start the sums of each row as the `values` from its place on."""
        for row, place in enumerate(places):
            for column in range(0, self.width, LANES):
                self[row, column] = vector(values, place + column)

    def __getitem__(self, at: tuple[int, int]) -> tirx.Expr:
        """The vector of sums of a row that starts at a column."""
        row, column = at
        return vector(self.sums, row * self.width + column)

    def __setitem__(self, at: tuple[int, int], value: tirx.Expr) -> None:
        row, column = at
        T.buffer_store(self.sums, value, [T.Ramp(row * self.width + column, 1, LANES)])

    def multiply(self, numbers: Sequence[tirx.Expr | None], weights: tirx.Buffer, at: tirx.Expr) -> None:
        """Add the products of a number of each row, in vectors of equal lanes, and `width` weights.

        Rows without a number stay as they are.
        """
        for column in range(0, self.width, LANES):
            weight = T.Bind(vector(weights, at + column))
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
        with T.serial(depth // LANES) as quarter:
            k = quarter * LANES
            vectors = [start if start is None else T.Bind(vector(x, start + k)) for start in starts]
            for lane in range(LANES):
                numbers = [row if row is None else T.Shuffle([row], [lane] * LANES) for row in vectors]
                self.multiply(numbers, weights, panel + (k + lane) * self.width)
        for k in range(depth // LANES * LANES, depth):
            numbers = [
                start if start is None else T.Broadcast(T.Bind(x[start + k]), LANES) for start in starts
            ]
            self.multiply(numbers, weights, panel + k * self.width)

    def store(
        self,
        out: tirx.Buffer,
        starts: Sequence[tirx.Expr],
        valid: int,
        epilogue: Epilogue,
        residual: tirx.Buffer | None = None,
    ) -> None:
        """Store the first `valid` columns, each row from its start on, with `residual` and `epilogue`."""
        for row, start in enumerate(starts):
            for column in range(0, valid, LANES):
                if column + LANES <= valid:
                    places = {T.Ramp(start + column, 1, LANES): self[row, column]}
                else:
                    last = T.Bind(self[row, column])
                    places = {
                        start + column + lane: T.Shuffle([last], [lane]) for lane in range(valid - column)
                    }
                for place, total in places.items():
                    if residual is not None:
                        total = epilogue.add(total, residual[place])
                    T.buffer_store(out, epilogue.apply(total), [place])
