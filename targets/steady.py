"""Measuring on a board that may throttle: on the right processors, watched, and again once it has cooled."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..errors import InconclusiveError, UsageError
from .board import Board
from .cores import CORES
from .devices import Session
from .fitness import unfit
from .throttling import Turn, highest_clock, steady_clock, taints, throttles

T = TypeVar("T")

# Seconds between two looks at a board that is waited for: at first, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0
# No board has more than 9999 processors.
_LIST = re.compile(r"\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*")


@dataclass(frozen=True)
class Conditions:
    """Where to measure, and how long to wait for it.

    `cpus` are the numbers of processors: none for any, None for the biggest of the core that the code is for,
    else of all. `cooldown` is how many seconds a measurement may wait in all for a board that throttles;
    `say` is told that it waits.
    """

    cpus: Sequence[int] | None = None
    cooldown: float = 60.0
    say: Callable[[str], None] = lambda what: None

    @classmethod
    def of(cls, cpus: str | None, cooldown: float, say: Callable[[str], None]) -> "Conditions":
        """Those of a command line: `cpus` is a list such as "0,4-7", "any", or None.

        Raises UsageError for any other.
        """
        if cpus in (None, "any"):
            return cls(None if cpus is None else (), cooldown, say)
        if not _LIST.fullmatch(cpus):
            raise UsageError(f"{cpus!r} names no processors: write numbers such as 7 or 0,4-7, or any")
        ranges = ([int(number) for number in part.split("-")] for part in cpus.split(","))
        numbers = {number for ends in ranges for number in range(ends[0], ends[-1] + 1)}
        if not numbers:
            raise UsageError(f"{cpus!r} names no processors: the first of a range is its lowest")
        return cls(sorted(numbers), cooldown, say)


AS_USUAL = Conditions()


@dataclass
class Watch:
    """How a measurement went: on which of the `board`'s processors, and what was to be seen there.

    `reasons` say of each turn why it is tainted, in spite of all waiting, None if it is not; `notes` what
    else there is to know.
    """

    board: Board | None
    cpus: Sequence[int]
    turns: Sequence[Turn[Any]] = ()
    reasons: Sequence[str | None] = ()
    waited_seconds: float = 0.0
    repeated_turns: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def processors(self) -> str | None:
        """Their kinds and numbers, for example "cortex-a78 4, 5, 6"; None if they are not known."""
        if not self.board:
            return None
        kinds = dict.fromkeys(cpu.core for cpu in self.board.cpus if cpu.number in self.cpus)
        return f"{', '.join(kinds)} {', '.join(map(str, self.cpus))}"

    @property
    def doubts(self) -> list[str]:
        """Why turns are tainted."""
        return [*dict.fromkeys(filter(None, self.reasons))]

    def untainted(self, uri: str) -> list[Any]:
        """The results of the turns that are not tainted; raises InconclusiveError if there are none."""
        results = [turn.result for turn, reason in zip(self.turns, self.reasons, strict=True) if not reason]
        if not results:
            self.require_steady(uri)
        return results

    def require_steady(self, uri: str) -> None:
        """Raise InconclusiveError if a turn is tainted."""
        if self.doubts:
            raise InconclusiveError(
                f"{uri} gives no steady times, after {self.waited_seconds:.0f} s of waiting: "
                f"{'; '.join(self.doubts)}: let it cool, stop what else runs there, or wait longer "
                "(--cooldown)"
            )

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return {
            "board": self.board and self.board.to_json(),
            "cpus": [*self.cpus],
            "turns": [
                {
                    "clock_mhz": turn.board and steady_clock(turn.board, self.cpus),
                    "celsius": turn.board and turn.board.celsius,
                    "fastest": turn.reference,
                    "tainted": reason,
                }
                for turn, reason in zip(self.turns, self.reasons, strict=True)
            ],
            "waited_seconds": round(self.waited_seconds, 1),
            "repeated_turns": self.repeated_turns,
            "notes": self.notes,
        }


def measure_steadily(
    session: Session,
    take: Callable[[int], tuple[T, float]],
    count: int,
    *,
    core: str,
    conditions: Conditions,
    warm_up: Callable[[], object],
) -> tuple[list[T], Watch]:
    """The results of `count` turns of `take`, of code compiled for `core`, and how that went.

    `take` is given the number of its turn, and returns what it measured and the fastest run of what is the
    same in all turns. A turn in which the board throttled is taken again when that is over. Before the first
    turn and after each wait is `warm_up`, by which the clock rises again. Raises DeviceError if the session
    cannot be pinned to the processors.
    """
    watch = _begin(session, core, conditions)
    turns: list[Turn[T]] = []
    waiting = _Waiting(session, watch, conditions)
    warm_up()
    latest = 0
    while True:
        reasons = taints(watch.board, turns, watch.cpus)
        tainted = next((number for number, reason in enumerate(reasons) if reason), None)
        reason = reasons[latest] if turns else None
        # If the latest turn is as it should be, so is the board.
        if tainted is not None and (not reason or waiting.over(reason, [turn.board for turn in turns])):
            if reason:
                warm_up()
            latest = tainted
            watch.repeated_turns += 1
        elif len(turns) < count:
            latest = len(turns)
        else:
            break
        turns[latest : latest + 1] = [Turn(*take(latest), session.board())]
    watch.turns, watch.reasons = turns, reasons
    return [turn.result for turn in turns], watch


def _begin(session: Session, core: str, conditions: Conditions) -> Watch:
    """Look at the board, and pin the session."""
    board = session.board()
    everywhere = [cpu.number for cpu in board.cpus] if board else []
    biggest = [cpu.number for cpu in board.biggest(core)] if board else []
    cpus = biggest if conditions.cpus is None else conditions.cpus or everywhere
    if cpus != everywhere:
        session.pin(cpus)
    watch = Watch(board, cpus)
    watch.notes.extend(_notes(watch, core))
    return watch


def _notes(watch: Watch, core: str) -> Iterator[str]:
    if watch.board is None:
        yield "the device does not tell its processors, clock and temperature: it is not pinned or watched"
        return
    yield from (f"the device is not fit to measure: {reason}" for reason in unfit(watch.board))
    found = {cpu.core for cpu in watch.board.cpus if cpu.number in watch.cpus}
    # What is compiled for a family, or for the host, is meant for many.
    if core in CORES and CORES[core].part and core != "host" and found and found != {core}:
        yield f"compiled for {core}, measured on {', '.join(sorted(found))}"


class _Waiting:
    """Waits for a board, no longer in all than `conditions` allow."""

    def __init__(self, session: Session, watch: Watch, conditions: Conditions) -> None:
        self._session, self._watch, self._say = session, watch, conditions.say
        self._left, self._pause = conditions.cooldown, FIRST_PAUSE

    def over(self, reason: str, boards: Sequence[Board | None]) -> bool:
        """Wait until what was seen is over, as far as the board tells; whether it is."""
        highest = highest_clock([self._watch.board, *boards], self._watch.cpus)
        still: str | None = reason
        while still and self._left > 0:
            self._say(f"waiting, {self._left:.0f} s at most: {still}")
            pause = min(self._pause, self._left)
            time.sleep(pause)
            self._left -= pause
            self._watch.waited_seconds += pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            still = throttles(self._session.board(), self._watch.cpus, highest)
        return not still
