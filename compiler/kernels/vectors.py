"""Channels in vectors of 128 bits, and loops over them."""

from collections.abc import Iterator
from dataclasses import dataclass

from tvm import tirx
from tvm.tirx.script import builder as T

LANES = 4
LINE_FLOATS = 16


def vector(first: tirx.Expr | int, lanes: int = LANES) -> tirx.Expr | int:
    """The index of `lanes` neighbours from `first` on."""
    return first if lanes == 1 else T.Ramp(first, 1, lanes)


def zeros(lanes: int = LANES) -> tirx.Expr:
    """So many zeros."""
    zero = tirx.const(0, "float32")
    return zero if lanes == 1 else T.Broadcast(zero, lanes)


@dataclass(frozen=True)
class Blocks:
    """`count` blocks of `vectors` vectors of `lanes` channels, from channel `first` on."""

    first: int
    count: int
    vectors: int
    lanes: int

    def channel(self, block: tirx.Expr | int, number: tirx.Expr | int) -> tirx.Expr | int:
        """The first channel of a vector."""
        return self.first + block * (self.vectors * self.lanes) + number * self.lanes


def channel_blocks(channels: int, block: int) -> Iterator[Blocks]:
    """`channels` in blocks of `block`, a smaller one of whole vectors, and one vector of less than LANES."""
    vectors, most = channels // LANES, max(1, block // LANES)
    whole, rest = divmod(vectors, most)
    if whole:
        yield Blocks(0, whole, most, LANES)
    if rest:
        yield Blocks(whole * most * LANES, 1, rest, LANES)
    if channels % LANES:
        yield Blocks(vectors * LANES, 1, 1, channels % LANES)


def balanced(size: int, most: int) -> list[int]:
    """`size` in the fewest parts of at most `most`, as equal as they can be, larger ones first."""
    parts = -(-size // most)
    return [size // parts + (part < size % parts) for part in range(parts)]
