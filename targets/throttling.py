"""Whether a board has throttled while something was measured on it: by what it showed, and by a reference.

Measurements are made in turns. After each the board shows clocks and temperature, and in each ran something
that is the same in all of them: the reference. Other work makes some of its runs slower, and a lower clock
all of them: so the fastest run of a turn counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from .board import Board
from .fitness import slowed

T = TypeVar("T")

# How much longer the reference may take in a turn than in the fastest, and how much lower a clock may be.
MOST_SLOWER, MOST_LOWER = 0.10, 0.02
# Governors that hold the clock where it is. With others it falls as soon as there is nothing to do, and only
# what it is limited to tells something.
HOLDING_GOVERNORS = ("performance", "userspace")


@dataclass(frozen=True)
class Turn(Generic[T]):
    """What was measured, the fastest run of the reference, and what the board showed afterwards."""

    result: T
    reference: float
    board: Board | None = None


def taints(start: Board | None, turns: Sequence[Turn[T]], cpus: Sequence[int]) -> list[str | None]:
    """Why each of `turns` cannot stand beside the best of them, None if it can.

    They were measured on the processors `cpus` of a board that showed `start` before.
    """
    fastest = min((turn.reference for turn in turns), default=0.0)
    highest = highest_clock([start, *(turn.board for turn in turns)], cpus)
    return [throttles(turn.board, cpus, highest) or _slower(turn.reference, fastest) for turn in turns]


def throttles(board: Board | None, cpus: Sequence[int], highest: float | None) -> str | None:
    """What slows `board` down, whose clock can be `highest` MHz; None if nothing, or if that is not known."""
    if board is None:
        return None
    clock = steady_clock(board, cpus)
    if clock and highest and clock < highest * (1 - MOST_LOWER):
        return f"the clock went down from {highest:.0f} to {clock:.0f} MHz"
    return next(iter(slowed(board)), None)


def highest_clock(boards: Sequence[Board | None], cpus: Sequence[int]) -> float | None:
    """The highest clock that any of `boards` showed, in MHz, as far as they tell."""
    clocks = (steady_clock(board, cpus) for board in boards if board)
    return max((clock for clock in clocks if clock), default=None)


def steady_clock(board: Board, cpus: Sequence[int]) -> float | None:
    """The clock that the slowest of these processors has under load, in MHz: at most, if not held there."""
    clocks = (
        cpu.clock_mhz if cpu.governor in HOLDING_GOVERNORS else cpu.limit_mhz
        for cpu in board.cpus
        if cpu.number in cpus
    )
    return min((clock for clock in clocks if clock), default=None)


def _slower(reference: float, fastest: float) -> str | None:
    if reference <= fastest * (1 + MOST_SLOWER):
        return None
    return f"what is the same in all turns took {reference / fastest - 1:.0%} longer than in the fastest"
