"""The tables of docs/performance.md: what every engine executes for a network, and how long that takes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from armlet.targets import Core, Simulation
from armlet.targets.simulator.instructions import decode

from ..document import table

NOT_RUN = "-"
OURS = "armlet"


@dataclass(frozen=True)
class Figures:
    """Of one inference: instructions, those that multiply and accumulate vectors, modelled cycles.

    `compute_cycles` are those with every load hitting L1, `cycles` those with memory.
    """

    instructions: int
    mac_instructions: int
    compute_cycles: float
    cycles: float

    @classmethod
    def of(cls, simulation: Simulation) -> "Figures":
        """The figures of a simulated inference."""
        runs = [run for kernel in simulation.kernels for run in kernel.runs]
        macs = sum(run.executions * sum(decode(word).macs > 1 for word in run.words) for run in runs)
        cycles, stalls = simulation.cycles, simulation.stall_cycles
        return cls(sum(simulation.instructions.values()), macs, cycles - stalls, cycles)

    def __str__(self) -> str:
        counts = (self.instructions, self.mac_instructions, self.compute_cycles)
        return " / ".join(f"{count / 1e6:.1f}" for count in counts) + f" / **{self.cycles / 1e6:.1f}**"


@dataclass(frozen=True)
class Row:
    """An engine on a network in a precision: figures by the name of the core."""

    network: str
    precision: str
    engine: str
    figures: Mapping[str, Figures]


def markdown(rows: Iterable[Row], cores: Sequence[str]) -> str:
    """A table for each network, its rows in the order given; cores that were not run are marked."""
    of_networks: dict[str, list[Row]] = {}
    for row in rows:
        of_networks.setdefault(row.network, []).append(row)
    return "\n\n".join(
        f"### {network}\n\n"
        + table(
            ["precision", "engine", *cores],
            (
                [row.precision, row.engine, *(str(row.figures.get(core, NOT_RUN)) for core in cores)]
                for row in of_network
            ),
        )
        for network, of_network in of_networks.items()
    )


def verdict(rows: Sequence[Row], cores: Sequence[Core], macs: Mapping[str, int]) -> str:
    """The cycles of armlet over those of the best peer, a row for each network and precision.

    A cell is the ratio without memory, in brackets the least that any code could reach, which is all `macs`
    of the network at the core's peak, and the ratio with memory. Where armlet was not run, it is marked.
    """
    body = []
    for ours in (row for row in rows if row.engine == OURS):
        key = (ours.network, ours.precision)
        peers = [row for row in rows if (row.network, row.precision) == key and row is not ours]
        body.append([*key, *(_ratios(ours, peers, core, macs[ours.network]) for core in cores)])
    return table(["network", "precision", *(core.name for core in cores)], body)


def _ratios(ours: Row, peers: Sequence[Row], core: Core, macs: int) -> str:
    figures = ours.figures.get(core.name)
    theirs = [row.figures[core.name] for row in peers if core.name in row.figures]
    peak = getattr(core.peak, ours.precision)
    if not figures or not theirs or not peak:
        return NOT_RUN
    best = min(found.compute_cycles for found in theirs)
    with_memory = figures.cycles / min(found.cycles for found in theirs)
    return f"{figures.compute_cycles / best:.2f} ({macs / peak / best:.2f}), **{with_memory:.2f}**"
