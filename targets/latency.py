"""How long a network takes on a real device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ..errors import UsageError
from .devices import Device, Program, Session
from .steady import AS_USUAL, Conditions, Watch, measure_steadily

# After each turn is a look at the board: rounds of one network in it, and of several that are compared.
ROUNDS_A_TURN, COMPARED_ROUNDS_A_TURN = 10, 3
# Of a program in a round: enough that one interruption does not decide it.
RUNS_A_ROUND = 5
# By then a governor has raised the clock.
WARM_UP_SECONDS, WARM_UP_ROUNDS, MOST_WARM_UP_ROUNDS = 0.2, 5, 10_000


@dataclass(frozen=True)
class Latency:
    """The rounds of one measurement, in milliseconds, in the order of their turns; and how it went."""

    samples_ms: list[float]
    watch: Watch

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return {"samples_ms": self.samples_ms, "conditions": self.watch.to_json()}

    def percentile(self, percent: float) -> float:
        """The time that `percent` of the rounds stayed within."""
        return float(np.percentile(self.samples_ms, percent))


def require_clock(device: Device) -> None:
    """Raise UsageError if `device` is emulated: its time would say nothing of a core's."""
    if not device.measures_time:
        raise UsageError(f"{device.uri} gives right results, and no times: use a real one")


def measure_latency(
    session: Session,
    library: Path,
    inputs: Sequence[np.ndarray],
    *,
    core: str,
    rounds: int = 50,
    conditions: Conditions = AS_USUAL,
) -> Latency:
    """Time `library`, compiled for `core`, in `session`: one thread, by the device's own clock.

    Raises UsageError if the device is emulated, DeviceError if it is lost.
    """
    program = session.load(library)

    def take(number: int) -> tuple[list[float], float]:
        times = _times(program, inputs, min(ROUNDS_A_TURN, rounds - ROUNDS_A_TURN * number))
        return times, min(times)

    turns, watch = measure_steadily(
        session,
        take,
        -(-rounds // ROUNDS_A_TURN),
        core=core,
        conditions=conditions,
        warm_up=lambda: warm_up([program], [inputs]),
    )
    return Latency([time for turn in turns for time in turn], watch)


def measure_by_call(
    session: Session,
    library: Path,
    inputs: Sequence[np.ndarray],
    *,
    core: str,
    rounds: int = 50,
    conditions: Conditions = AS_USUAL,
) -> tuple[Latency, np.ndarray]:
    """Time `library` as `measure_latency` does, and after each round once more, call by call of its kernels.

    Of the calls: milliseconds, a row for each round. Raises as `measure_latency` does.
    """
    program = session.load(library)

    def take(number: int) -> tuple[list[tuple[float, np.ndarray]], float]:
        turn = []
        for _ in range(min(ROUNDS_A_TURN, rounds - ROUNDS_A_TURN * number)):
            (whole,) = _times(program, inputs, 1)
            turn.append((whole, 1000 * program.time_calls(inputs)))
        return turn, min(whole for whole, _ in turn)

    turns, watch = measure_steadily(
        session,
        take,
        -(-rounds // ROUNDS_A_TURN),
        core=core,
        conditions=conditions,
        warm_up=lambda: warm_up([program], [inputs]),
    )
    wholes, calls = zip(*(each for turn in turns for each in turn), strict=True)
    return Latency([*wholes], watch), np.array(calls)


def measure_in_turns(
    session: Session,
    programs: Sequence[Program],
    inputs: Sequence[Sequence[np.ndarray]],
    loadings: Sequence[Callable[[], float]] = (),
    *,
    core: str,
    rounds: int,
    conditions: Conditions = AS_USUAL,
) -> list[Latency]:
    """Time several programs of one session, then what `Session.loading` gave for libraries.

    In each round is all of it, each round in the opposite order. A program runs RUNS_A_ROUND times, the
    caches warmed, and its time is their median. The first one is also what tells whether the device
    throttles. Raises as `measure_latency` does, and as what loads.
    """
    timed: list[Callable[[], list[float]]] = [
        partial(_times, program, arrays, RUNS_A_ROUND)
        for program, arrays in zip(programs, inputs, strict=True)
    ]
    timed += [partial(_load, loading) for loading in loadings]

    def take(number: int) -> tuple[list[list[float]], float]:
        """The times of each round in the turn, and the fastest run of the first program."""
        turn, fastest = [], []
        first = COMPARED_ROUNDS_A_TURN * number
        for place in range(first, min(first + COMPARED_ROUNDS_A_TURN, rounds)):
            order = range(len(timed))[:: -1 if place % 2 else 1]
            times = {which: timed[which]() for which in order}
            turn.append([median(times[which]) for which in range(len(timed))])
            fastest.append(min(times[0]))
        return turn, min(fastest)

    turns, watch = measure_steadily(
        session,
        take,
        -(-rounds // COMPARED_ROUNDS_A_TURN),
        core=core,
        conditions=conditions,
        warm_up=lambda: warm_up(programs, inputs),
    )
    samples = zip(*(times for turn in turns for times in turn), strict=True)
    return [Latency([*times], watch) for times in samples]


def warm_up(programs: Sequence[Program], inputs: Sequence[Sequence[np.ndarray]]) -> None:
    """Run each program on its inputs until the caches are filled and the clock has had the time to rise."""
    for program, arrays in zip(programs, inputs, strict=True):
        rounds, spent = WARM_UP_ROUNDS, 0.0
        while spent < WARM_UP_SECONDS and rounds < MOST_WARM_UP_ROUNDS:
            spent += sum(program.time(arrays, warm_up=0, rounds=rounds))
            rounds *= 2


def _times(program: Program, inputs: Sequence[np.ndarray], rounds: int) -> list[float]:
    """The milliseconds of each round, after one more."""
    return [1000 * seconds for seconds in program.time(inputs, warm_up=1, rounds=rounds)]


def _load(loading: Callable[[], float]) -> list[float]:
    """The milliseconds of a load."""
    return [1000 * loading()]
