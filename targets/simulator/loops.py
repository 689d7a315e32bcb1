"""From executed blocks to straight-line runs of instructions, and the loops among them.

Where qemu cuts code into blocks may differ from one time to the next. Runs do not depend on it: two
instructions are of one run if they stand next to each other, the first was always followed by the second, and
that never by anything else before it. A run that is followed by itself is a loop, whose trip count the trace
gives.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .cache_model import CacheCounts
from .instructions import decode
from .trace import Trace

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
        return max(1, round(self.mean_trips))

    @property
    def mean_trips(self) -> float:
        """Iterations each time it is entered, on average."""
        return self.executions / self.entries

    @property
    def last(self) -> int:
        """The address of the last instruction."""
        return self.address + INSTRUCTION_BYTES * (len(self.words) - 1)


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
        if target == source + INSTRUCTION_BYTES and times == executions[source] == executions[target]
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


def loop_nests(trace: Trace, runs: Sequence[Run]) -> list[list[Run]]:
    """The runs that are executed by turns, as those of nested loops are; a run outside of any is alone.

    They are the strongly connected components of the control flow in each function: a call is followed by the
    instruction after it.
    """
    # Half a second to import, which commands that only know of simulated cores would wait for.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    at, after = {run.address: i for i, run in enumerate(runs)}, {run.last: i for i, run in enumerate(runs)}
    steps = [
        (after[source], at[target])
        for source, target in _flow(trace, runs)
        if source in after and target in at
    ]
    sources, targets = np.array(steps, int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(steps)), (sources, targets)), shape=(len(runs), len(runs)))
    _, numbers = connected_components(graph, connection="strong")
    nests: defaultdict[int, list[Run]] = defaultdict(list)
    for run, number in zip(runs, numbers, strict=True):
        nests[number].append(run)
    return list(nests.values())


def _flow(trace: Trace, runs: Sequence[Run]) -> Iterator[tuple[int, int]]:
    """What follows what inside of a function."""
    mnemonics = {run.last: decode(run.words[-1]).mnemonic for run in runs}
    for source, target in trace.edges:
        if mnemonics.get(source) not in ("bl", "blr", "ret", "br"):
            yield source, target
    for address, mnemonic in mnemonics.items():
        if mnemonic in ("bl", "blr"):
            yield address, address + INSTRUCTION_BYTES
    # A run may end inside of a block: where a jump from elsewhere goes to the next instruction.
    for block in trace.blocks:
        last = block.address + INSTRUCTION_BYTES * (len(block.words) - 1)
        for address in range(block.address, last, INSTRUCTION_BYTES):
            yield address, address + INSTRUCTION_BYTES


def memory_of(trace: Trace, runs: Sequence[Run]) -> dict[Run, CacheCounts]:
    """What each of `runs`, in the order of their addresses, did to the caches."""
    starts = [run.address for run in runs]
    memory: dict[Run, CacheCounts] = {}
    for address, counts in trace.memory.items():
        run = runs[bisect_right(starts, address) - 1]
        memory[run] = memory[run] + counts if run in memory else counts
    return memory
