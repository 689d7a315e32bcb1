"""What each fusion of `compiler/fuse.py` gains: networks with all of them, and with all but one, in counts.

Run it as `python -m armlet.benchmarks.fusions`. It writes a table in docs/performance.md: instructions and
modelled cycles on simulated cores, and the bytes that kernels read and write. About ten minutes.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

import armlet
from armlet.compiler.fuse import FUSIONS, Fusion, fuse
from armlet.compiler.lowering import lower
from armlet.compiler.traffic import least_bytes
from armlet.compiler.tvm_module import compile_library
from armlet.console import progress_bar
from armlet.targets import Core, find_core
from armlet.targets.simulator.simulation import simulate

from .document import PERFORMANCE, table, write_section

NETWORKS = ("mobilenet_v3_large", "mobilenet_v3_small")
CORES = tuple(find_core(name) for name in ("cortex-a55", "cortex-a76"))


@dataclass(frozen=True)
class Cost:
    """Of one inference: kernels called, bytes read and written by them, instructions, modelled cycles."""

    calls: int
    traffic: int
    instructions: int
    cycles: float


def measure(model: ir.Model, core: Core, fusions: Sequence[Fusion]) -> Cost:
    """Compile the optimised `model` for `core`, fused by `fusions` only, and simulate one inference."""
    fused = model.clone()
    fuse(fused, core, fusions)
    program = lower(fused, "nchw", core)
    with tempfile.TemporaryDirectory(prefix="armlet-fusions-") as name:
        library = Path(name) / "fused.so"
        network = compile_library(program, core, library)
        image = np.random.default_rng(0).standard_normal(program.inputs[0].shape, dtype=np.float32)
        simulation = simulate(library, image, core)
    traffic = [network.traffic[call.function] for call in program.calls]
    moved = sum(call.read + call.written + call.constants + 2 * call.scratch for call in traffic)
    return Cost(len(program.calls), moved, sum(simulation.instructions.values()), simulation.cycles)


def main() -> None:
    """Measure, write."""
    variants = [("all fusions", FUSIONS)]
    variants += [(f"without {left_out.name}", _without(left_out)) for left_out in FUSIONS]
    rows, bounds = [], []
    with progress_bar("fusions") as progress:
        for network in NETWORKS:
            model = armlet.optimize(armlet.build(network)).model
            for number, (title, fusions) in enumerate(variants):
                progress(f"{network}, {title}", number / len(variants))
                rows.append([network, title, *(_cell(measure(model, core, fusions)) for core in CORES)])
            for core in CORES:
                fused = model.clone()
                fuse(fused, core)
                bounds.append(f"{network} on {core.name} {least_bytes(fused) / 1e6:.2f} MB")
    head = ["network", ""]
    head += [f"{core.name}: calls, MB, M instructions / **M cycles**" for core in CORES]
    lower_bounds = f"Lower bounds of the bytes: {', '.join(bounds)}."
    write_section(PERFORMANCE, "fusions", f"{table(head, rows)}\n\n{lower_bounds}")


def _without(left_out: Fusion) -> tuple[Fusion, ...]:
    return tuple(fusion for fusion in FUSIONS if fusion != left_out)


def _cell(cost: Cost) -> str:
    counts = f"{cost.calls}, {cost.traffic / 1e6:.2f}"
    return f"{counts}, {cost.instructions / 1e6:.2f} / **{cost.cycles / 1e6:.2f}**"


if __name__ == "__main__":
    main()
