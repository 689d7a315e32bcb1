"""The runs of instructions that hold most of a kernel's cycles, and what each of them is bound by."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

import capstone

from ..cores import Core
from . import in_order, out_of_order
from .bottleneck import DEPENDENCIES, Limits, limits
from .instructions import decode
from .loops import INSTRUCTION_BYTES, Run
from .simulation import KernelCost

# The runs that are shown hold this part of the kernel's cycles, if no more than MOST are needed for it.
SHARE, MOST = 0.9, 3


@dataclass(frozen=True)
class HotRun:
    """A run of a kernel, its modelled cycles and their `share` of the kernel's, waiting for memory left out.

    `bottleneck` is that of the run repeated without end: of an in-order core how its cycles split by cause,
    of an out-of-order core how long each unit is busy. `issue_cycles` are those in which an in-order core
    then issues each instruction, counted from the first.
    """

    run: Run
    cycles: float
    share: float
    bottleneck: in_order.Bottleneck | Limits
    issue_cycles: list[int] | None = None

    @property
    def cycles_per_iteration(self) -> float:
        """With the start of the loop, and what it waits for there."""
        return self.cycles / self.run.executions

    @property
    def bound_by(self) -> str:
        """What takes most: a kind of pipe, DISPATCH, DEPENDENCIES, or a cause of `in_order.Bottleneck`."""
        if isinstance(self.bottleneck, Limits):
            return self.bottleneck.bound_by
        kinds: defaultdict[str, float] = defaultdict(float)
        for cause, cycles in self.bottleneck.causes.items():
            kinds[DEPENDENCIES if cause.startswith("result of ") else cause] += cycles
        return max(kinds, key=lambda kind: kinds[kind])

    @property
    def assembly(self) -> list[tuple[int, str]]:
        """Address and text of each instruction; branches name the address they go to."""
        disassembler = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
        disassembler.skipdata = True  # `.byte` for what it cannot read
        code = b"".join(word.to_bytes(INSTRUCTION_BYTES, "little") for word in self.run.words)
        return [
            (address, f"{mnemonic} {operands}".strip())
            for address, _, mnemonic, operands in disassembler.disasm_lite(code, self.run.address)
        ]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers; addresses are of the library."""
        return {
            "address": self.run.address,
            "executions": self.run.executions,
            "entries": self.run.entries,
            "modelled_cycles": round(self.cycles),
            "share_of_kernel": round(self.share, 4),
            "cycles_per_iteration": round(self.cycles_per_iteration, 3),
            "bound_by": self.bound_by,
            "bottleneck": asdict(self.bottleneck),
            "assembly": [{"address": address, "text": text} for address, text in self.assembly],
            "issue_cycles": self.issue_cycles,
        }


def hot_runs(kernel: KernelCost, core: Core, *, everything: bool = False) -> list[HotRun]:
    """The runs of `kernel` that hold SHARE of its cycles on `core`, at most MOST; or all. Hottest first.

    Raises ArmletError if llvm-mca is needed, and missing or too old.
    """
    ranked = sorted(kernel.runs, key=lambda run: (-kernel.runs[run], run.address))
    if not everything:
        held = accumulate(kernel.runs[run] for run in ranked)
        enough = 1 + sum(cycles < SHARE * kernel.compute_cycles for cycles in held)
        ranked = ranked[: min(enough, MOST)]
    return [_hot_run(run, kernel, core) for run in ranked]


def _hot_run(run: Run, kernel: KernelCost, core: Core) -> HotRun:
    cycles = kernel.runs[run]
    share = cycles / kernel.compute_cycles
    if core.name in out_of_order.MODELS:
        return HotRun(run, cycles, share, limits(run.words, core))
    body = [decode(word) for word in run.words]
    return HotRun(
        run, cycles, share, in_order.bottleneck(body, core.name), in_order.issue_cycles(body, core.name)
    )
