"""Depthwise micro-kernel: a tile of some rows rolled along the columns, all weights in registers.

Each pixel is loaded once and given to every sum in flight that sees it; when an output's last column has
come, it is stored, and its registers begin the next one. For small windows: 3x3.
"""

from collections.abc import Callable
from itertools import groupby

from tvm import tirx
from tvm.tirx.script import builder as T

from .depthwise_layer import Buffers, Parameters, Registers, Tile
from .vectors import Blocks, Index, balanced


def tile_by_columns(
    buffers: Buffers, parameters: Parameters, tile: Tile, blocks: Blocks, block: tirx.Expr
) -> None:
    """Compute the channels of one block of a tile."""
    columns, start = buffers.layer.columns, 0
    for length, group in groupby(balanced(columns.outputs, parameters.columns)):
        runs = len(list(group))
        with T.serial(runs) as run, T.serial(blocks.vectors) as number:
            count, channel = columns.in_flight * tile.rows, number * blocks.vector.lanes
            registers = Registers(buffers, parameters, blocks, block, channel, blocks.vector, count)
            _Run(buffers, tile, registers, start, length, runs, run).emit()
        start += length * runs


class _Run:
    """Number `run` of `runs` runs of `length` outputs side by side, the first of which begins at `start`."""

    def __init__(
        self,
        buffers: Buffers,
        tile: Tile,
        registers: Registers,
        start: int,
        length: int,
        runs: int,
        run: tirx.Expr,
    ):
        self._rows, self._columns = buffers.layer.rows, buffers.layer.columns
        self._tile, self._registers = tile, registers
        self._length, self._starts = length, (start, start + (runs - 1) * length)
        self._first = start + run * length
        y = T.Bind(tile.row * self._rows.stride - self._rows.before)
        self._start = self._first * self._columns.stride - self._columns.before
        self._rows_of_pixels = {i: registers.place(y + i, self._start) for i in tile.inside}
        self._weights = [
            [registers.weight(i, j) for j in range(self._columns.taps)] for i in range(self._rows.taps)
        ]

    def emit(self) -> None:
        """All steps: those in the middle, where nothing is padding, in a loop over whole turns."""
        turn = self._columns.in_flight
        steady = [step for step in range(1, self._length) if self._is_steady(step)]
        turns = len(steady) // turn
        step = 0
        while step < self._length:
            if turns > 1 and step == steady[0]:
                with T.serial(turns) as number:
                    for each in range(step, step + turn):
                        self._step(each, number * turn, self._add_column)
                step += turns * turn
            else:
                self._step(step, 0, self._add_column_if_inside)
                step += 1
        self._registers.squeeze()

    def _step(self, output: int, ahead: Index, add: Callable[[int, Index], None]) -> None:
        """Take the columns that `output` still lacks, and store it: it stands for the one `ahead` of it."""
        column = self._first + ahead
        for pixel in self._columns_of(output):
            begun, rest = divmod(pixel, self._columns.stride)
            if not rest and begun < self._length:
                for i in range(self._tile.rows):
                    self._registers.start(self._number(begun, i))
            add(pixel, ahead * self._columns.stride)
        for i in range(self._tile.rows):
            self._registers.store(self._number(output, i), self._tile.row + i, column + output)

    def _add_column(self, pixel: int, ahead: Index) -> None:
        """Add column `pixel` of those that the run sees, or the one `ahead` of it, to all sums concerned."""
        columns = list(self._columns.uses(pixel, self._length))
        for i in self._tile.inside:
            uses = [(row, column) for row in self._rows.uses(i, self._tile.rows) for column in columns]
            if uses:
                x = self._registers.pixel(self._rows_of_pixels[i] + ahead, pixel)
            for (row, row_tap), (column, column_tap) in uses:
                self._registers.add(self._number(column, row), x, self._weights[row_tap][column_tap])

    def _add_column_if_inside(self, pixel: int, ahead: Index) -> None:
        lowest, highest = self._places(pixel)
        if highest < 0 or lowest >= self._columns.size:
            return
        column = self._start + ahead + pixel
        conditions = [column >= 0] if lowest < 0 else []
        conditions += [column < self._columns.size] if highest >= self._columns.size else []
        if not conditions:
            self._add_column(pixel, ahead)
            return
        with T.If(conditions[0] if len(conditions) == 1 else tirx.all(*conditions)), T.Then():
            self._add_column(pixel, ahead)

    def _places(self, pixel: int) -> tuple[int, int]:
        """Where a column of pixels of the first run is on the map, and where that of the last one."""
        first, last = (at * self._columns.stride - self._columns.before + pixel for at in self._starts)
        return first, last

    def _is_steady(self, step: int) -> bool:
        """Whether no column of a step is padding in any run, and all outputs that see them are of the run."""
        pixels = self._columns_of(step)
        (lowest, _), (_, highest) = self._places(pixels[0]), self._places(pixels[-1])
        is_inside = lowest >= 0 and highest < self._columns.size
        return is_inside and pixels[-1] // self._columns.stride < self._length

    def _columns_of(self, output: int) -> range:
        """The columns of pixels that an output sees and none before it saw."""
        seen = len(self._columns.pixels(output)) if output else 0
        return range(seen, len(self._columns.pixels(output + 1)))

    def _number(self, output: int, row: int) -> int:
        return output % self._columns.in_flight * self._tile.rows + row
