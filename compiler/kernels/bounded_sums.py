"""Sums in half precision of a bounded number of terms, which are added up in single precision.

A float16 has 11 bits: of what is added to a sum many times its size, most is rounded away. So sums of more
than TERMS products are summed in parts, which start at zero. All but the last part are added to a total in
memory; the last one, to which the bias belongs, and the total are added in half precision: that rounds no
more than storing their sum would. Of two parts, no other number is ever needed.
"""

from collections.abc import Callable
from dataclasses import replace

from .inline_assembly import keep_in_memory
from .register_tile import RegisterTile, Starts, each, panels
from .vectors import Index, Vector

# docs/half-precision.md says what other numbers cost and gain.
TERMS = 256


def is_bounded(vector: Vector, depth: int) -> bool:
    """Whether sums of `depth` terms may be summed as `vector`."""
    return vector.dtype != "float16" or depth <= TERMS


def sum_in_parts(
    tile: RegisterTile, starts: Starts, depth: int, multiply: Callable[[Index, int, Starts | None], None]
) -> None:
    """Leave in `tile` the sums of `depth` terms, which start as `starts`.

    `multiply` makes its sums those of the terms from one on, so many, started as said or as zeros.
    """
    *before, (size, count) = panels(depth, TERMS // tile.vector.lanes, tile.vector)
    before += [(size, count - 1)] if count > 1 else []
    parts = sum(count for _, count in before) + 1
    kept = tile.vector if parts == 2 else replace(tile.vector, dtype="float32")
    vectors = range(0, tile.rows * tile.width, kept.lanes)
    totals = kept.registers(len(vectors))
    for at in vectors:
        kept.store(totals, kept.zeros(), at)
    for first, terms in each(before):
        multiply(first, terms, None)
        for at in vectors:
            kept.store(totals, kept.load(totals, at) + kept.load(tile.sums, at), at)
        keep_in_memory(totals)
    last = sum(size * count for size, count in before)
    multiply(last, depth - last, starts)
    for at in vectors:
        total = tile.vector.load(totals, at)
        tile.vector.store(tile.sums, tile.vector.load(tile.sums, at) + total, at)
