"""How long an in-order core takes for straight-line code that repeats, and what it waits for.

Two instructions issue a cycle, in order: one that cannot issue holds up all behind it. What issues beside
what and how long results take is in `in_order_cores.py`. Nothing waits for memory here: data is in the L1
cache. Branches are predicted; one ends its cycle, and what follows issues in the next. A second write to a
register does not wait for a slower first one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ..cores import Core
from .in_order_cores import (
    ISSUE_WIDTH,
    MODELS,
    VECTOR_HALVES,
    WRITE_BACK_LATENCY,
    Cost,
    InOrderCore,
    cost,
    find_model,
)
from .instructions import Instruction, decode
from .loops import Run


def run_cycles(runs: Iterable[Run], core: Core) -> dict[Run, float]:
    """Cycles of all executions of each run on `core`; a run starts on an idle core each time it is entered.

    Raises UsageError for a core without a model.
    """
    result = {}
    for run in runs:
        body = [decode(word) for word in run.words]
        # The mean trip count need not be whole: between the two next to it, cycles grow in proportion.
        whole, part = divmod(run.executions / run.entries, 1)
        least, next_one = (cycles(body, int(whole) + more, core.name) for more in (0, 1))
        result[run] = run.entries * (least + part * (next_one - least))
    return result


def cycles(body: Sequence[Instruction], iterations: int, core: str) -> int:
    """The cycles in which `iterations` repetitions of `body` issue, one after another, on an idle core.

    Results carry over from one repetition to the next. Raises UsageError for a core without a model.
    """
    return _repeated(tuple(body), core).cycles(iterations)


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What a body spends its cycles on when it repeats without end.

    `causes` splits `cycles_per_iteration`, largest first. A cycle that fills both vector pipes counts for
    "vector pipes", another in which two instructions issue for "issue slots", any other for what holds up the
    next instruction: "result of v0", "store pipe", "128-bit load" (it issues alone, and blocks two cycles),
    "order" (a 128-bit operation never issues second), "accumulation" (A53: the fourth cycle of a fused
    multiply-add, in which no vector load issues), "branch".
    """

    cycles_per_iteration: float
    causes: dict[str, float]


def bottleneck(body: Sequence[Instruction], core: str) -> Bottleneck:
    """What `body`, repeated, is bound by on `core`. Raises UsageError for a core without a model."""
    return _repeated(tuple(body), core).bottleneck()


def issue_cycles(body: Sequence[Instruction], core: str) -> list[int]:
    """The cycle in which each instruction of `body`, repeated, issues: counted from that of the first.

    Raises UsageError for a core without a model.
    """
    model = find_model(core)
    pipeline = _Pipeline(model)
    issued: list[int] = []
    for _ in _repeated(tuple(body), core).ends:
        issued.clear()
        for instruction in body:
            pipeline.issue(instruction, cost(instruction, model))
            issued.append(pipeline.cycle)
    return [cycle - issued[0] for cycle in issued]


@dataclass(frozen=True, slots=True)
class _Repeated:
    """The course of a repeated body until it has come to a state that it was in before.

    `ends` has the cycles after 0, 1, ... repetitions; after the last of them the pipeline is as it was after
    repetition `start`. `causes` are those of the cycles between the two.
    """

    ends: tuple[int, ...]
    start: int
    causes: Counter[str]

    @property
    def _period(self) -> int:
        return len(self.ends) - 1 - self.start

    def cycles(self, iterations: int) -> int:
        if iterations < len(self.ends):
            return self.ends[iterations]
        periods, rest = divmod(iterations - self.start, self._period)
        return self.ends[self.start + rest] + periods * (self.ends[-1] - self.ends[self.start])

    def bottleneck(self) -> Bottleneck:
        causes = {cause: count / self._period for cause, count in self.causes.most_common()}
        return Bottleneck((self.ends[-1] - self.ends[self.start]) / self._period, causes)


@lru_cache(maxsize=4096)
def _repeated(body: tuple[Instruction, ...], core_name: str) -> _Repeated:
    core = find_model(core_name)
    costs = [(instruction, cost(instruction, core)) for instruction in body]
    pipeline = _Pipeline(core)
    ends = [0]
    seen = {}
    causes_until = []
    while (state := pipeline.state()) not in seen:
        seen[state] = len(ends) - 1
        causes_until.append(pipeline.causes.copy())
        for instruction, its_cost in costs:
            pipeline.issue(instruction, its_cost)
        ends.append(pipeline.end)
    start = seen[state]
    return _Repeated(tuple(ends), start, pipeline.causes - causes_until[start])


_LONG_READY = (0, 0)


@dataclass(slots=True)
class _Pipeline:
    """The issue stage: the cycle that is being filled, and what later cycles find taken or not yet ready."""

    core: InOrderCore
    cycle: int = 0
    issued: int = 0
    halves: int = 0
    written: set[str] = field(default_factory=set)  # by this cycle's instructions
    ends_cycle: bool = False  # a branch has issued
    blocked_until: int = 0
    pipes: dict[str, int] = field(default_factory=dict)  # free again in that cycle
    results: dict[str, tuple[int, int]] = field(default_factory=dict)  # ready for arithmetic, for addresses
    fused: list[int] = field(default_factory=list)  # the latest cycles of floating-point multiply-accumulates
    causes: Counter[str] = field(default_factory=Counter)

    @property
    def end(self) -> int:
        """The first cycle in which nothing of what has issued takes a slot."""
        return max(self.cycle + (self.issued > 0), self.blocked_until)

    def state(self) -> tuple[object, ...]:
        """All that decides what happens from here on, with times relative to this cycle."""
        now = self.cycle
        return (
            self.issued,
            self.halves,
            self.ends_cycle,
            frozenset(self.written),
            max(0, self.blocked_until - now),
            tuple(sorted((pipe, free - now) for pipe, free in self.pipes.items() if free > now)),
            tuple(
                sorted((name, a - now, b - now) for name, (a, b) in self.results.items() if max(a, b) > now)
            ),
            tuple(now - then for then in self.fused),
        )

    def issue(self, instruction: Instruction, its: Cost) -> None:
        at, cause = self._earliest(instruction, its)
        if at > self.cycle:
            self._proceed(at, cause)
        self.issued += 1
        self.halves += its.halves
        self.ends_cycle = instruction.kind == "branch"
        if its.pipe:
            self.pipes[its.pipe] = at + its.busy
        if its.blocks:
            self.blocked_until = at + its.busy
        for register in instruction.writes:
            self.results[register] = (at + its.latency, at + its.address_latency)
        if instruction.write_back:
            self.results[instruction.write_back] = (at + WRITE_BACK_LATENCY, at + WRITE_BACK_LATENCY)
        self.written.update(instruction.writes)
        if its.fused and self.core.load_conflict:
            self.fused = [then for then in self.fused if at - then < self.core.load_conflict] + [at]

    def _earliest(self, instruction: Instruction, its: Cost) -> tuple[int, str]:
        """The cycle in which the instruction can issue, and what keeps it from issuing before."""
        at, cause = self.cycle, ""
        for register, late in its.needs:
            ready, _ = self.results.get(register, _LONG_READY)
            if ready - late > at:
                at, cause = ready - late, f"result of {register}"
        for register in instruction.address:
            _, ready = self.results.get(register, _LONG_READY)
            if ready > at:
                at, cause = ready, f"result of {register}"
        if its.pipe and self.pipes.get(its.pipe, 0) > at:
            at, cause = self.pipes[its.pipe], f"{its.pipe} pipe"
        if self.blocked_until > at:
            at, cause = self.blocked_until, "128-bit load"
        if at == self.cycle and self.issued and (conflict := self._conflict(its)):
            at, cause = self.cycle + 1, conflict
        if its.vector_load:
            while any(at - then == self.core.load_conflict for then in self.fused):
                at, cause = at + 1, "accumulation"
        return at, cause

    def _conflict(self, its: Cost) -> str | None:
        """Why the instruction cannot issue beside those that issue in this cycle."""
        if self.issued == ISSUE_WIDTH:
            return "issue slots"
        if self.ends_cycle:
            return "branch"
        if self.halves + its.halves > VECTOR_HALVES:
            return "vector pipes"
        if its.blocks:
            return "128-bit load"
        if its.leads:
            return "order"
        # However late it is read, an accumulator is not handed on within a cycle [gcc].
        return next(
            (f"result of {name}" for name, late in its.needs if late > 1 and name in self.written), None
        )

    def _proceed(self, to: int, cause: str) -> None:
        """Close this cycle, and go to the one in which the next instruction issues."""
        busy = "vector pipes" if self.halves == VECTOR_HALVES else "issue slots"
        full = self.halves == VECTOR_HALVES or self.issued == ISSUE_WIDTH
        self.causes[busy if full else cause] += 1
        self.causes.update({cause: to - self.cycle - 1})
        self.cycle, self.issued, self.halves, self.ends_cycle = to, 0, 0, False
        self.written.clear()


__all__ = ["MODELS", "Bottleneck", "bottleneck", "cycles", "issue_cycles", "run_cycles"]
