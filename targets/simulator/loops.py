"""From executed blocks to straight-line runs of instructions, and the loops among them.

qemu cuts code at branches, at pages and at lengths of its own. Where one block was always followed by one
other, and that one never by anything else before it, they are one run; a run that is followed by itself is a
loop, whose trip count the trace gives.
"""

from collections import defaultdict
from dataclasses import dataclass

from .counting import Block, Trace


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
    blocks = {block.address: block for block in trace.blocks}
    successors: defaultdict[int, dict[int, int]] = defaultdict(dict)
    predecessors: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for (source, target), times in trace.edges.items():
        successors[source][target] = times
        predecessors[target][source] = times

    def next_of(block: Block) -> int | None:
        """The one block that always follows `block` and follows nothing else."""
        if len(successors[block.address]) != 1:
            return None
        ((target, _),) = successors[block.address].items()
        alone = len(predecessors[target]) == 1 and target in blocks
        return target if alone and blocks[target].executions == block.executions else None

    following = {block.address: next_of(block) for block in trace.blocks}
    continued = {target for source, target in following.items() if target is not None and target != source}
    return [_run(block, blocks, following, trace) for block in trace.blocks if block.address not in continued]


def _run(first: Block, blocks: dict[int, Block], following: dict[int, int | None], trace: Trace) -> Run:
    words, last = list(first.words), first
    while (target := following[last.address]) is not None and target != first.address:
        last = blocks[target]
        words += last.words
    repeated = trace.edges.get((last.address, first.address), 0)
    return Run(first.address, tuple(words), first.executions, max(1, first.executions - repeated))
