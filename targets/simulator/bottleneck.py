"""What a run of instructions, repeated without end, is bound by on an out-of-order core, by llvm-mca.

(`in_order.bottleneck` answers that for the in-order cores.)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..cores import Core
from .out_of_order import IN_FLIGHT, MODELS, Mca

# What holds for this part of the cycles holds always: the rest is filling and draining.
SATURATED = 0.95
DISPATCH, DEPENDENCIES = "dispatch", "dependencies"

# The names of LLVM's models (AArch64SchedA57.td, ...NeoverseN1.td, N2, V1), less the core's and the number.
_UNITS = {
    "A57UnitS": "store pipes",
    "UnitB": "branch pipes",
    "UnitD": "store data pipes",
    "UnitFlg": "flag pipes",
    "UnitI": "integer pipes",
    "UnitL": "load and store pipes",
    "UnitM": "multi-cycle integer pipes",
    "UnitS": "integer pipes",
    "UnitV": "vector pipes",
    "UnitW": "vector pipes",
    "UnitX": "vector pipes",
}


@dataclass(frozen=True)
class Limits:
    """What limits a repeated body.

    `busy` has the cycles of an iteration for which the front end (DISPATCH, decoding included) and the
    busiest pipe of each kind work, longest first. `bound_by` is the one that never rests; where each has a
    rest, it is what most often held instructions up: DEPENDENCIES on earlier results, pipes that are wanted
    in bursts, or DISPATCH.
    """

    cycles_per_iteration: float
    bound_by: str
    busy: Mapping[str, float]


def limits(words: tuple[int, ...], core: Core) -> Limits:
    """What limits `words` on `core`. Raises ArmletError if llvm-mca is missing or too old."""
    iterations = max(8, 2 * IN_FLIGHT // len(words))
    model = MODELS[core.name]
    analysis = Mca(model).analyse([words], iterations, "-bottleneck-analysis")
    (region,), units = analysis["CodeRegions"], analysis["TargetInfo"]["Resources"]
    summary, found = region["SummaryView"], region["BottleneckAnalysis"]
    decoding = len(words) / model.decode
    cycles = max(decoding, summary["TotalCycles"] / iterations)

    busy = _busy(region, units)
    busy[DISPATCH] = max(decoding, summary["TotaluOps"] / iterations / model.dispatch)
    busy = dict(sorted(busy.items(), key=lambda item: (-item[1], item[0])))
    busiest = next(iter(busy))
    saturated = busy[busiest] >= SATURATED * cycles
    return Limits(cycles, busiest if saturated else _held_up_by(found, summary["TotalCycles"]), busy)


def _busy(region: Mapping[str, Any], units: list[str]) -> dict[str, float]:
    # The entries past the last instruction are the sums.
    total = len(region["Instructions"])
    busy: dict[str, float] = {}
    for entry in region["ResourcePressureView"]["ResourcePressureInfo"]:
        if entry["InstructionIndex"] == total:
            kind = _kind(units[entry["ResourceIndex"]])
            busy[kind] = max(busy.get(kind, 0.0), entry["ResourceUsage"])
    return busy


def _held_up_by(found: Mapping[str, Any], cycles: int) -> str:
    if found["PressureIncreaseCycles"] < (1 - SATURATED) * cycles:
        # Nothing waits: a cycle's dispatch may have slots left that the next instruction does not fit into.
        return DISPATCH
    pressure = {unit: cycles for entry in found.get("ResourcePressure", ()) for unit, cycles in entry.items()}
    if pressure and found["ResourcePressureCycles"] > found["DataDependencyCycles"]:
        return _kind(max(pressure, key=lambda unit: pressure[unit]))
    return DEPENDENCIES


def _kind(unit: str) -> str:
    """What a unit of LLVM's models is: "N1UnitV0" is one of the vector pipes."""
    for pattern, kind in _UNITS.items():
        if re.fullmatch(rf"\w*{pattern}\d*(\..)?", unit, re.DOTALL):
            return kind
    return unit
