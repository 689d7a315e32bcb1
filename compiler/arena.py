"""Where tensors live while a network runs: offsets in one block, used again as soon as they are dead."""

from collections.abc import Mapping, Sequence
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

    Greedy by size: the largest first, each in the smallest gap that holds it (Pisarchyk and Lee, "Efficient
    Memory Management for Deep Neural Net Inference", 2020, algorithm 2).
    """
    offsets: dict[int, int] = {}
    for number in sorted(range(len(spans)), key=lambda n: (-spans[n].nbytes, n)):
        span = spans[number]
        taken = sorted(
            (offset, offset + _rounded(spans[other].nbytes))
            for other, offset in offsets.items()
            if span.overlaps(spans[other])
        )
        offsets[number] = _best_gap(taken, _rounded(span.nbytes))
    ends = [offset + _rounded(spans[number].nbytes) for number, offset in offsets.items()]
    return Arena([offsets[n] for n in range(len(spans))], max(ends, default=0), _lower_bound(spans))


def _best_gap(taken: Sequence[tuple[int, int]], nbytes: int) -> int:
    best, smallest, end = None, None, 0
    for start, stop in taken:
        gap = start - end
        if gap >= nbytes and (smallest is None or gap < smallest):
            best, smallest = end, gap
        end = max(end, stop)
    return end if best is None else best


def _lower_bound(spans: Sequence[Span]) -> int:
    alive: Mapping[int, int] = {
        at: sum(_rounded(span.nbytes) for span in spans if span.first <= at <= span.last)
        for at in {span.first for span in spans}
    }
    return max(alive.values(), default=0)


def _rounded(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
