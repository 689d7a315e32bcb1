"""What one vector register holds, and loops over channels in such vectors."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from ...targets import Core

# Lanes of the shortest vector that is loaded and stored at once.
NARROWEST = 4
# Bytes of a cache line, on every core.
LINE = 64
Index: TypeAlias = tirx.Expr | int


@dataclass(frozen=True)
class Vector:
    """`lanes` neighbouring numbers of `dtype` ("float32", "float16"), the type that a kernel computes in.

    Numbers that memory has as another type are converted when they are loaded or stored. There are
    `of_core` such registers. `by_lane` says that a multiply-add can take one lane of them, as on ARM; where
    it cannot, as on x86, it is cheaper to load a number into all lanes.
    """

    dtype: str
    lanes: int
    of_core: int = 32
    by_lane: bool = True

    @classmethod
    def of(cls, dtype: str, core: Core) -> "Vector":
        """What a register of `core` holds."""
        lanes = core.vector_bytes // np.dtype(dtype).itemsize
        return cls(dtype, lanes, core.vector_registers, by_lane=core.machine == "aarch64")

    @property
    def number_bytes(self) -> int:
        """Of one number."""
        return np.dtype(self.dtype).itemsize

    @property
    def line(self) -> int:
        """Numbers of a cache line."""
        return LINE // self.number_bytes

    @property
    def type(self) -> str:
        """TVM's name of it."""
        return f"{self.dtype}x{self.lanes}" if self.lanes > 1 else self.dtype

    def part(self, lanes: int) -> "Vector":
        """A vector of fewer lanes."""
        return replace(self, lanes=lanes)

    def whole(self, count: int) -> int:
        """How many of `count` numbers are in whole vectors."""
        return count // self.lanes * self.lanes

    def rounded_up(self, count: int) -> int:
        """`count` numbers with what fills the last vector."""
        return -(-count // self.lanes) * self.lanes

    def at(self, first: Index) -> Index:
        """The index of the neighbours from `first` on."""
        return first if self.lanes == 1 else T.Ramp(first, 1, self.lanes)

    def load(self, buffer: tirx.Buffer, *at: Index) -> tirx.Expr:
        """The neighbours in `buffer` from `at` on, along its last axis."""
        return self.cast(buffer[[*at[:-1], self.at(at[-1])]])

    def store(self, buffer: tirx.Buffer, value: tirx.Expr, *at: Index) -> None:
        """Store `value` in `buffer` from `at` on, along its last axis."""
        if buffer.dtype != self.dtype:
            value = replace(self, dtype=buffer.dtype).cast(value)
        T.buffer_store(buffer, value, [*at[:-1], self.at(at[-1])])

    def cast(self, value: tirx.Expr) -> tirx.Expr:
        """As many numbers of another type as numbers of this."""
        return value if value.ty.dtype == self.type else T.cast(value, self.type)

    def number(self, value: float) -> tirx.Expr:
        """A constant."""
        return tirx.const(value, self.dtype)

    def spread(self, number: tirx.Expr) -> tirx.Expr:
        """A number in all lanes."""
        return number if self.lanes == 1 else T.Broadcast(number, self.lanes)

    def lane(self, vector: tirx.Expr, lane: int) -> tirx.Expr:
        """A lane of a vector, of this or of another length, in all lanes."""
        return T.Shuffle([vector], [lane] * self.lanes)

    def tail(self, count: int) -> Iterator[tuple[int, "Vector"]]:
        """What `count` numbers, fewer than it has lanes, are to be taken as: (start, vector), ...

        Halves and quarters, as far as a register has a name for them; then the rest.
        """
        start, lanes = 0, self.lanes // 2
        while lanes >= NARROWEST:
            if count - start >= lanes:
                yield start, self.part(lanes)
                start += lanes
            lanes //= 2
        if count > start:
            yield start, self.part(count - start)

    def lanes_of(self, vector: tirx.Expr, start: int) -> tirx.Expr:
        """As many lanes as this has of a longer vector, from `start` on."""
        return T.Shuffle([vector], list(range(start, start + self.lanes)))

    def zeros(self) -> tirx.Expr:
        """Zeros in all lanes."""
        return self.spread(self.number(0))

    def registers(self, count: int) -> tirx.Buffer:
        """So many of them, as a row of numbers that LLVM keeps in registers."""
        return T.alloc_buffer((count * self.lanes,), self.dtype, scope="local")


@dataclass(frozen=True)
class Blocks:
    """`count` blocks of `vectors` times `vector`, from channel `first` on."""

    first: int
    count: int
    vectors: int
    vector: Vector

    @property
    def width(self) -> int:
        """The channels of one block."""
        return self.vectors * self.vector.lanes

    def channel(self, block: Index, number: Index) -> Index:
        """The first channel of a vector."""
        return self.first + block * self.width + number * self.vector.lanes

    def groups(self, most: int) -> Iterator[tuple[Index, Vector]]:
        """Loop over the vectors of a block, `most` at a time as one long one: where in the block, which."""
        start = 0
        for vectors, count in ((most, self.vectors // most), (self.vectors % most, 1)):
            if vectors * count:
                long = replace(self.vector, lanes=vectors * self.vector.lanes)
                with T.serial(count) as number:
                    yield start + number * long.lanes, long
                start += count * long.lanes


def channel_blocks(channels: int, block: int, vector: Vector) -> Iterator[Blocks]:
    """`channels` in blocks of `block`, a smaller one of whole vectors, and vectors of fewer lanes."""
    vectors, most = channels // vector.lanes, max(1, block // vector.lanes)
    whole, rest = divmod(vectors, most)
    if whole:
        yield Blocks(0, whole, most, vector)
    if rest:
        yield Blocks(whole * most * vector.lanes, 1, rest, vector)
    for start, part in vector.tail(channels % vector.lanes):
        yield Blocks(vectors * vector.lanes + start, 1, 1, part)


def covering_blocks(size: int, block: int, vector: Vector) -> Iterator[Blocks]:
    """`channel_blocks` whose last vector is whole and reaches back, where there are as many numbers.

    What is computed twice has to be stored in another place than it comes from.
    """
    for blocks in channel_blocks(size, block, vector):
        is_short = blocks.vector != vector and size >= vector.lanes
        yield Blocks(size - vector.lanes, 1, 1, vector) if is_short else blocks


def balanced(size: int, most: int) -> list[int]:
    """`size` in the fewest parts of at most `most`, as equal as they can be, larger ones first."""
    parts = -(-size // most)
    return [size // parts + (part < size % parts) for part in range(parts)]
