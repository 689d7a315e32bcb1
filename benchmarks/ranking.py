"""How many trials on a board the ranking by a model saves: the best network after so many rounds.

Run it as `python -m armlet.benchmarks.ranking`. `armlet tune` on a board takes the candidates for each kernel
in the order of its simulated core; here that is held against the order in which templates list them. There is
no board: in its place stands a cost model that had no part in the ranking, of other authors and with the
memory of another board. It writes docs/ranking.svg and a table in docs/performance.md, in a few minutes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import armlet
from armlet.cache import cache_folder
from armlet.compiler import tune_model
from armlet.compiler.tuning import Task, Trial, Tuning, ranked
from armlet.console import progress_bar
from armlet.gate.plots import svg_of
from armlet.targets import SimulatedDevice, Simulation, find_core
from armlet.targets.simulator.attribution import Symbols
from armlet.targets.simulator.memory_stalls import MEMORIES, Memory
from armlet.targets.simulator.network_counting import count_network
from armlet.targets.simulator.out_of_order import OutOfOrderCore, priced_by
from armlet.targets.simulator.simulation import model

from .document import PERFORMANCE, table, write_section

NETWORK = "mobilenet_v3_small"
PLOT = PERFORMANCE.with_name("ranking.svg")
# Rounds in the table.
SHOWN = (0, 1, 2, 4, 8)
# Of what all rounds gain over the default, the part that counts as having found it.
FOUND = 0.95


@dataclass(frozen=True, kw_only=True)
class HeldOut(SimulatedDevice):
    """A core as another model than its own, `scheduling`, prices instructions, with this `memory`."""

    scheduling: OutOfOrderCore
    memory: Memory

    @property
    def models(self) -> str:
        """In the place of a board."""
        return f"held out: LLVM's {self.scheduling.llvm_model}"

    def simulate(self, library: Path, image: np.ndarray) -> Simulation:
        """Count one inference and model its cycles."""
        trace, price = count_network(library, image, self.core), partial(priced_by, self.scheduling)
        return model(trace, self.core, Symbols(library).kernel_at, self.memory, price)


# For A55, whose model is armlet's own after Arm's guide: LLVM's model of it, which was written for LLVM and
# has twice the vector pipes, and the memory of a phone's A510. For A76, whose model is LLVM's of Neoverse N1:
# HiSilicon's core of the same class, which HiSilicon described for LLVM, and the memory of a phone's A78.
BOARDS = (
    HeldOut(
        find_core("cortex-a55"),
        scheduling=OutOfOrderCore("cortex-a55", decode=2, dispatch=2),
        memory=MEMORIES["cortex-a510"],
    ),
    HeldOut(
        find_core("cortex-a76"),
        scheduling=OutOfOrderCore("tsv110", decode=4, dispatch=4),
        memory=MEMORIES["cortex-a78"],
    ),
)


@dataclass(frozen=True)
class Curve:
    """The best network's cycles after each round, the first by default, and the trials measured by then."""

    trials: list[int]
    cycles: list[float]

    @property
    def rounds_to_find(self) -> int:
        """The rounds until FOUND of what all gain is gained."""
        first, last = self.cycles[0], self.cycles[-1]
        return next(n for n, cycles in enumerate(self.cycles) if first - cycles >= FOUND * (first - last))


def curve(tuning: Tuning, tasks: Sequence[Task]) -> Curve:
    """What is known after each round of a run that takes the trials of `tasks`, all of which `tuning` knows.

    The cost of a network is that by default, less what its kernels gain, each measured within it.
    """
    costs = [[_cost(tuning, trial) for trial in task.trials] for task in tasks]
    trials, cycles = [], []
    for number in range(max(map(len, costs))):
        trials.append(sum(min(number + 1, len(each)) for each in costs))
        gains = (
            len(task.layers) * (each[0] - min(each[: number + 1]))
            for task, each in zip(tasks, costs, strict=True)
        )
        cycles.append(tuning.default_cost - sum(gains))
    return Curve(trials, cycles)


def _cost(tuning: Tuning, trial: Trial) -> float:
    cost = tuning.cost(trial)
    assert cost is not None
    return cost


def measure(board: HeldOut) -> tuple[Curve, Curve]:
    """The curves in the order listed, and in that of the model."""
    architecture, folder = armlet.build(NETWORK), cache_folder("tuning")
    simulated = SimulatedDevice(board.core)
    ranking, measured = (
        tune_model(architecture, board.core, device, folder / f"{NETWORK}-{name}-fp32.jsonl")
        for device, name in ((simulated, board.core.name), (board, f"{board.core.name}-held-out"))
    )
    in_order = ranked(measured.tasks, ranking.tasks, ranking.database)
    return curve(measured, measured.tasks), curve(measured, in_order)


def draw(found: Mapping[HeldOut, tuple[Curve, Curve]], output: Path) -> None:
    """A plot for each board: cycles by round, in both orders."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axis, (board, curves) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
        for each, order in zip(curves, ("as listed", f"as on sim:{board.core.name}"), strict=True):
            axis.step(range(len(each.cycles)), [c / 1e6 for c in each.cycles], where="post", label=order)
        axis.set_title(f"{board.core.name}; in the board's place, {board.models}", fontsize="small")
        axis.set_xlabel("rounds")
        axis.legend(fontsize="small")
        axis.grid(visible=True, alpha=0.3)
    figure.axes[0].set_ylabel("million modelled cycles, held out")
    output.write_text(svg_of(figure))


def rows(board: HeldOut, curves: tuple[Curve, Curve]) -> Iterator[list[str]]:
    """For each order, the network's cycles after some rounds, and the rounds and trials that found it."""
    for name, each in zip(("as listed", "by the model"), curves, strict=True):
        last = len(each.cycles) - 1
        after = [f"{each.cycles[min(number, last)] / 1e6:.3f}" for number in (*SHOWN, last)]
        found = each.rounds_to_find
        yield [board.core.name, name, *after, f"{found} ({each.trials[found]} of {each.trials[-1]})"]


def main() -> None:
    """Measure, draw, write."""
    found = {}
    with progress_bar("ranking") as progress:
        for number, board in enumerate(BOARDS):
            progress(board.core.name, number / len(BOARDS))
            found[board] = measure(board)
    draw(found, PLOT)
    head = ["core", "order", "default", *(f"round {number}" for number in SHOWN[1:]), "all"]
    head.append(f"rounds (trials) to {FOUND:.0%} of the gain")
    lines = [row for board, curves in found.items() for row in rows(board, curves)]
    write_section(PERFORMANCE, "ranking", f"![cycles by round]({PLOT.name})\n\n{table(head, lines)}")


if __name__ == "__main__":
    main()
