"""What one thread of an ARM64 program executed: every block of instructions, and which follows which."""

from collections import Counter
from dataclasses import dataclass
from typing import Self

from .cache_model import CacheCounts


@dataclass(frozen=True)
class Block:
    """Instructions executed one after the other from `address` on, so many times."""

    address: int
    executions: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class Trace:
    """What one thread executed in the marked region.

    `edges` counts what followed what where blocks meet: the last instruction of one, the first of the other.
    `memory` is what each block, by its address, did to the caches of the core, all of them empty at first.
    `elsewhere` are the instructions executed beside the code of interest: nothing else is known of them.
    """

    blocks: tuple[Block, ...]
    edges: dict[tuple[int, int], int]
    memory: dict[int, CacheCounts]
    elsewhere: int = 0

    @property
    def instructions(self) -> int:
        """All instructions executed in the code of interest."""
        return sum(block.executions * len(block.words) for block in self.blocks)

    def text(self) -> str:
        """As counter.c writes it, for `parse`."""
        lines = [
            f"block {block.address:x} {block.executions} {' '.join(f'{word:08x}' for word in block.words)}"
            for block in self.blocks
        ]
        lines += [f"edge {source:x} {target:x} {times}" for (source, target), times in self.edges.items()]
        lines += [f"memory {at:x} {' '.join(map(str, counts.numbers))}" for at, counts in self.memory.items()]
        return "\n".join([*lines, f"elsewhere {self.elsewhere}", ""])

    @classmethod
    def parse(cls, text: str) -> Self:
        """The trace that counter.c wrote."""
        executions: Counter[tuple[int, tuple[int, ...]]] = Counter()
        edges: Counter[tuple[int, int]] = Counter()
        memory: dict[int, CacheCounts] = {}
        elsewhere = 0
        for line in text.splitlines():
            match line.split():
                case ["block", address, times, *words]:
                    # The same block is translated again where qemu threw its translation away.
                    executions[int(address, 16), tuple(int(word, 16) for word in words)] += int(times)
                case ["edge", source, target, times]:
                    edges[int(source, 16), int(target, 16)] += int(times)
                case ["memory", address, *numbers]:
                    at, counts = int(address, 16), CacheCounts.of(map(int, numbers))
                    memory[at] = memory[at] + counts if at in memory else counts
                case ["elsewhere", instructions]:
                    elsewhere = int(instructions)
        blocks = (Block(address, times, words) for (address, words), times in sorted(executions.items()))
        return cls(tuple(blocks), dict(sorted(edges.items())), memory, elsewhere)
