"""Where tensors live while a network runs: offsets in one block, used again as soon as they are dead."""

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64


@dataclass(frozen=True)
class Span:
    """A tensor of `nbytes`, written by call number `first` and read for the last time by `last`."""

    nbytes: int
    first: int
    last: int

    def overlaps(self, other: "Span") -> bool:
        """Whether both are alive at once."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Arena:
    """The offset of each span, in their order; `nbytes` is what is needed in all.

    `lower_bound` is the most that is alive at once: no plan can do with less.
    """

    offsets: Sequence[int]
    nbytes: int
    lower_bound: int


def plan(spans: Sequence[Span]) -> Arena:
    """Give each span a place that no other has while it is alive.

    One after the other, each in the smallest gap that holds it: the largest first, or those first that are
    alive when most is, whichever needs less (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural
    Net Inference", 2020, algorithms 2 and 1).
    """
    busiest = [max(_alive(spans, at) for at in range(span.first, span.last + 1)) for span in spans]
    orders = (
        sorted(range(len(spans)), key=lambda n: (-spans[n].nbytes, n)),
        sorted(range(len(spans)), key=lambda n: (-busiest[n], -spans[n].nbytes, n)),
    )
    return min((_placed(spans, order) for order in orders), key=lambda arena: arena.nbytes)


def _placed(spans: Sequence[Span], order: Sequence[int]) -> Arena:
    offsets: dict[int, int] = {}
    for number in order:
        span = spans[number]
        taken = sorted(
            (offset, offset + _rounded(spans[other].nbytes))
            for other, offset in offsets.items()
            if span.overlaps(spans[other])
        )
        offsets[number] = _best_gap(taken, _rounded(span.nbytes))
    ends = [offset + _rounded(spans[number].nbytes) for number, offset in offsets.items()]
    bound = max((_alive(spans, span.first) for span in spans), default=0)
    return Arena([offsets[n] for n in range(len(spans))], max(ends, default=0), bound)


def _alive(spans: Sequence[Span], at: int) -> int:
    """Bytes of what is alive during call number `at`."""
    return sum(_rounded(span.nbytes) for span in spans if span.first <= at <= span.last)


def _best_gap(taken: Sequence[tuple[int, int]], nbytes: int) -> int:
    best, smallest, end = None, None, 0
    for start, stop in taken:
        gap = start - end
        if gap >= nbytes and (smallest is None or gap < smallest):
            best, smallest = end, gap
        end = max(end, stop)
    return end if best is None else best


def _rounded(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
