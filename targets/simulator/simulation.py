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
from .attribution import OUTSIDE, Symbols
from .cache_model import CacheCounts
from .counting import Trace, count_network
from .instructions import Kind, decode
from .loops import Run, runs_of
from .memory_stalls import stall_cycles

# Raised with every change of the models or their constants: results of different ones are never compared.
YARDSTICK = 0

# Of the instructions that the library executes, those that a model prices. TVM's runtime around it is left
# out: it executes a little more or less with the length of a path, or the place of a buffer.
HOT = 0.998


@dataclass(frozen=True)
class KernelCost:
    """What one kernel executed in all its calls of one inference.

    `instructions` and `macs` are exact. `compute_cycles` are modelled with every load hitting L1,
    `stall_cycles` are what waiting for memory adds; `memory` is what it did to the caches. `floor_cycles` is
    what its multiply-accumulates alone take at the core's peak for their type.
    """

    name: str
    instructions: Mapping[Kind, int]
    macs: int
    compute_cycles: float
    stall_cycles: float
    floor_cycles: float
    memory: CacheCounts

    @property
    def cycles(self) -> float:
        """Modelled cycles."""
        return self.compute_cycles + self.stall_cycles


@dataclass(frozen=True)
class Simulation:
    """The kernels of one inference, those that cost most first."""

    core: str
    kernels: tuple[KernelCost, ...]

    @property
    def instructions(self) -> dict[Kind, int]:
        """All instructions by class."""
        total: Counter[Kind] = Counter()
        for kernel in self.kernels:
            total.update(kernel.instructions)
        return dict(total)

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
        """The part of the cycles that the multiply-accumulates alone would take."""
        return sum(kernel.floor_cycles for kernel in self.kernels) / self.cycles

    def to_json(self, layers: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers; `layers` are those of each kernel."""
        return {
            "core": self.core,
            "yardstick": YARDSTICK,
            "instructions": self.instructions,
            "modelled_cycles": round(self.cycles),
            "modelled_stall_cycles": round(self.stall_cycles),
            "peak_share": round(self.peak_share, 4),
            "memory": [asdict(level) for level in self.memory.levels],
            "kernels": [
                {
                    "name": kernel.name,
                    "layers": list(layers.get(kernel.name, ())),
                    "instructions": dict(kernel.instructions),
                    "macs": kernel.macs,
                    "modelled_cycles": round(kernel.cycles),
                    "modelled_stall_cycles": round(kernel.stall_cycles),
                    "floor_cycles": round(kernel.floor_cycles),
                    "memory": [asdict(level) for level in kernel.memory.levels],
                }
                for kernel in self.kernels
            ],
        }


def simulate(library: Path, image: np.ndarray, core: Core) -> Simulation:
    """Count one inference of `library` on `image`, caches cold, and model its cycles on `core`.

    Raises UsageError if there is no model of the core, ArmletError if qemu, llvm-mca or a toolchain is
    missing, InvalidArtifactError if the network crashes.
    """
    model_of(core)
    return model(count_network(library, image, core), core, Symbols(library).kernel_at)


def model(trace: Trace, core: Core, kernel_at: Callable[[int], str]) -> Simulation:
    """What `trace` costs on `core`; `kernel_at` names the kernel of an address, or OUTSIDE.

    Raises UsageError if there is no model of the core, ArmletError if llvm-mca is missing or too old.
    """
    price = model_of(core)
    runs: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs_of(trace):
        runs[kernel_at(run.address)].append(run)
    memory: defaultdict[str, list[CacheCounts]] = defaultdict(list)
    for address, counts in trace.memory.items():
        memory[kernel_at(address)].append(counts)

    costs = {run: float(run.executions * len(run.words)) for group in runs.values() for run in group}
    costs |= price(_hot([run for name, group in runs.items() if name != OUTSIDE for run in group]), core)
    kernels = [_cost(name, runs[name], memory[name], costs, core) for name in runs]
    return Simulation(core.name, tuple(sorted(kernels, key=lambda kernel: (-kernel.cycles, kernel.name))))


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
    name: str, runs: Sequence[Run], memory: Sequence[CacheCounts], costs: Mapping[Run, float], core: Core
) -> KernelCost:
    instructions: Counter[Kind] = Counter()
    macs: Counter[str | None] = Counter()
    for run in runs:
        for word in run.words:
            instruction = decode(word)
            instructions[instruction.kind] += run.executions
            macs[instruction.element] += run.executions * instruction.macs
    floor = sum(count / _peak(core, element) for element, count in macs.items() if count)
    first, *others = memory
    counts = sum(others, start=first)
    compute = sum(costs[run] for run in runs)
    stall = stall_cycles(counts, core, compute)
    return KernelCost(name, dict(instructions), macs.total(), compute, stall, floor, counts)


def _peak(core: Core, element: str | None) -> int:
    """Multiply-accumulates a cycle of `core` on elements of this type; those of 64 bits count as fp32."""
    assert core.peak is not None
    peaks = {"fp16": core.peak.fp16, "bf16": core.peak.fp16, "int8": core.peak.int8, "int16": core.peak.int8}
    return peaks.get(element or "") or core.peak.fp32
