"""One inference on a simulated core: exact counts, modelled cycles, kernel by kernel."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UsageError
from ..cores import Core
from . import in_order, out_of_order
from .attribution import Symbols
from .cache_model import CacheCounts
from .instructions import Kind, decode
from .loops import Run, loop_nests, memory_of, runs_of
from .memory_stalls import Memory, stall_cycles
from .network_counting import count_network
from .trace import Trace
from .yardstick import Record

# Of the instructions executed, those that a model prices.
HOT = 0.998


@dataclass(frozen=True)
class KernelCost:
    """What one kernel executed in all its calls of one inference.

    `instructions` and `macs` are exact. `runs` has the cycles of all executions of each run of its code,
    modelled with every load hitting L1; `stall_cycles` are what waiting for memory adds, and `memory` is what
    it did to the caches. `multiply_cycles` is what the multiply-accumulates that it executed take at the
    core's peak for their type.
    """

    name: str
    instructions: Mapping[Kind, int]
    macs: int
    runs: Mapping[Run, float]
    stall_cycles: float
    multiply_cycles: float
    memory: CacheCounts

    @property
    def compute_cycles(self) -> float:
        """Modelled cycles, every load hitting L1."""
        return sum(self.runs.values())

    @property
    def cycles(self) -> float:
        """Modelled cycles."""
        return self.compute_cycles + self.stall_cycles

    def to_json(self) -> dict[str, Any]:
        """Everything but the code as plain dictionaries, strings and numbers."""
        return {"name": self.name, **_figures(self)}


@dataclass(frozen=True)
class Simulation:
    """The kernels of one inference, those that cost most first, and what made these figures."""

    record: Record
    kernels: tuple[KernelCost, ...]

    @property
    def instructions(self) -> dict[Kind, int]:
        """All instructions by class."""
        total: Counter[Kind] = Counter()
        for kernel in self.kernels:
            total.update(kernel.instructions)
        return dict(total)

    @property
    def macs(self) -> int:
        """Multiply-accumulates executed."""
        return sum(kernel.macs for kernel in self.kernels)

    @property
    def stall_cycles(self) -> float:
        """Modelled cycles spent waiting for memory."""
        return sum(kernel.stall_cycles for kernel in self.kernels)

    @property
    def memory(self) -> CacheCounts:
        """What the whole inference did to the caches, all of them empty at first."""
        first, *others = (kernel.memory for kernel in self.kernels)
        return sum(others, start=first)

    @property
    def cycles(self) -> float:
        """Modelled cycles of the whole inference."""
        return sum(kernel.cycles for kernel in self.kernels)

    @property
    def peak_share(self) -> float:
        """The part of the cycles that the multiply-accumulates executed would take alone."""
        return sum(kernel.multiply_cycles for kernel in self.kernels) / self.cycles

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return {
            **asdict(self.record),
            **_figures(self),
            "peak_share": round(self.peak_share, 4),
            "kernels": [kernel.to_json() for kernel in self.kernels],
        }


def _figures(cost: KernelCost | Simulation) -> dict[str, Any]:
    return {
        "instructions": dict(sorted(cost.instructions.items())),
        "macs": cost.macs,
        "modelled_cycles": round(cost.cycles),
        "modelled_stall_cycles": round(cost.stall_cycles),
        "instructions_per_cycle": round(sum(cost.instructions.values()) / cost.cycles, 3),
        "memory": {name: level.to_json() for name, level in cost.memory.named.items()},
    }


def simulate(library: Path, image: np.ndarray, core: Core) -> Simulation:
    """Count one inference of `library` on `image`, caches cold, and model its cycles on `core`.

    Raises UsageError if there is no model of the core, ArmletError if qemu, llvm-mca or a toolchain is
    missing, InvalidArtifactError if the network crashes.
    """
    model_of(core)
    return model(count_network(library, image, core), core, Symbols(library).kernel_at)


def model(
    trace: Trace,
    core: Core,
    kernel_at: Callable[[int], str],
    memory: Memory | None = None,
    price: Callable[[Sequence[Run]], dict[Run, float]] | None = None,
) -> Simulation:
    """What `trace` costs on `core`, with this `memory` and `price` of runs of instructions if they are given.

    `kernel_at` names kernels by address. Raises UsageError if there is no model of the core, ArmletError if
    llvm-mca is missing or too old.
    """
    runs = runs_of(trace)
    costs = {run: float(run.executions * len(run.words)) for run in runs}
    costs |= price(_hot(runs)) if price else model_of(core)(_hot(runs), core)
    accesses = memory_of(trace, runs)
    nests: defaultdict[str, list[list[Run]]] = defaultdict(list)
    for nest in loop_nests(trace, runs):
        nests[kernel_at(nest[0].address)].append(nest)
    kernels = [_cost(name, nests[name], accesses, costs, core, memory) for name in nests]
    return Simulation(
        Record.of(core), tuple(sorted(kernels, key=lambda kernel: (-kernel.cycles, kernel.name)))
    )


def _hot(runs: Sequence[Run]) -> list[Run]:
    """The fewest runs that hold HOT of all instructions executed; the others cost a cycle an instruction."""
    ranked = sorted(runs, key=lambda run: (-run.executions * len(run.words), run.address))
    executed = np.cumsum([run.executions * len(run.words) for run in ranked])
    return ranked[: int(np.searchsorted(executed, HOT * executed[-1])) + 1]


def model_of(core: Core) -> Callable[[Sequence[Run], Core], dict[Run, float]]:
    """The function that prices runs of instructions on `core`; raises UsageError if it has no model."""
    if core.name in out_of_order.MODELS:
        return out_of_order.cycles
    if core.name in in_order.MODELS:
        return in_order.run_cycles
    known = ", ".join(sorted([*out_of_order.MODELS, *in_order.MODELS]))
    raise UsageError(f"there is no model of {core.name}: choose one of {known}")


def _cost(
    name: str,
    nests: Sequence[Sequence[Run]],
    accesses: Mapping[Run, CacheCounts],
    costs: Mapping[Run, float],
    core: Core,
    memory: Memory | None,
) -> KernelCost:
    instructions: Counter[Kind] = Counter()
    macs: Counter[str | None] = Counter()
    cycles = {run: costs[run] for nest in nests for run in nest}
    for run in cycles:
        for word in run.words:
            instruction = decode(word)
            instructions[instruction.kind] += run.executions
            macs[instruction.element] += run.executions * instruction.macs
    multiply = sum(count / _peak(core, element) for element, count in macs.items() if count)

    counts, stalls = CacheCounts.none(core), 0.0
    for nest in nests:
        of_nest = sum((accesses[run] for run in nest if run in accesses), CacheCounts.none(core))
        stalls += stall_cycles(of_nest, core, sum(cycles[run] for run in nest), memory=memory)
        counts += of_nest
    return KernelCost(name, dict(instructions), macs.total(), cycles, stalls, multiply, counts)


def _peak(core: Core, element: str | None) -> int:
    """Multiply-accumulates a cycle of `core` on elements of this type; those of 64 bits count as fp32."""
    assert core.peak is not None
    peaks = {"fp16": core.peak.fp16, "bf16": core.peak.fp16, "int8": core.peak.int8, "int16": core.peak.int8}
    return peaks.get(element or "") or core.peak.fp32
