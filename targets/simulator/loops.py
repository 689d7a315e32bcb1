"""From executed blocks to straight-line runs of instructions, and the loops among them.

Where qemu cuts code into blocks may differ from one time to the next. Runs do not depend on it: two
instructions are of one run if the first was always followed by the second, and that never by anything else
before it. A run that is followed by itself is a loop, whose trip count the trace gives.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from .counting import Trace

INSTRUCTION_BYTES = 4


@dataclass(frozen=True)
class Run:
    """Instructions executed in one go from `address` on: `executions` times, entered `entries` times.

    In a loop there are `executions` / `entries` iterations each time; elsewhere the two are the same.
    """

    address: int
    words: tuple[int, ...]
    executions: int
    entries: int

    @property
    def trips(self) -> int:
        """Iterations of the loop each time it is entered, on average; 1 where there is no loop."""
        return max(1, round(self.executions / self.entries))


def runs_of(trace: Trace) -> list[Run]:
    """All of `trace` as runs, in the order of their addresses."""
    words: dict[int, int] = {}
    executions: Counter[int] = Counter()
    followed = Counter(trace.edges)
    for block in trace.blocks:
        addresses = range(
            block.address, block.address + INSTRUCTION_BYTES * len(block.words), INSTRUCTION_BYTES
        )
        words.update(zip(addresses, block.words, strict=True))
        for address in addresses:
            executions[address] += block.executions
        for pair in pairwise(addresses):
            followed[pair] += block.executions

    next_of = {
        source: target
        for (source, target), times in followed.items()
        if times == executions[source] == executions[target]
    }
    runs = []
    for first in sorted(words.keys() - next_of.values()):
        chain = [first]
        while (target := next_of.get(chain[-1])) is not None:
            chain.append(target)
        repeated = followed[chain[-1], first]
        run_words = tuple(words[address] for address in chain)
        runs.append(Run(first, run_words, executions[first], max(1, executions[first] - repeated)))
    return runs
