"""The table of docs/performance.md: what every engine executes for a network, and how long that takes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from armlet.files import written_beside
from armlet.targets import Simulation
from armlet.targets.simulator.instructions import decode

BEGIN, END = "<!-- peers: written by python -m armlet.benchmarks.peers -->", "<!-- peers: end -->"
NOT_RUN = "-"


@dataclass(frozen=True)
class Figures:
    """Of one inference: instructions, those that multiply and accumulate vectors, modelled cycles."""

    instructions: int
    mac_instructions: int
    cycles: float

    @classmethod
    def of(cls, simulation: Simulation) -> "Figures":
        """The figures of a simulated inference."""
        runs = [run for kernel in simulation.kernels for run in kernel.runs]
        macs = sum(run.executions * sum(decode(word).macs > 1 for word in run.words) for run in runs)
        return cls(sum(simulation.instructions.values()), macs, simulation.cycles)

    def __str__(self) -> str:
        millions = (self.instructions / 1e6, self.mac_instructions / 1e6)
        return " / ".join(f"{count:.1f}" for count in millions) + f" / **{self.cycles / 1e6:.1f}**"


@dataclass(frozen=True)
class Row:
    """An engine on a network in a precision: figures by the name of the core."""

    network: str
    precision: str
    engine: str
    figures: Mapping[str, Figures]


def markdown(rows: Iterable[Row], cores: Sequence[str]) -> str:
    """A table for each network, its rows in the order given; cores that were not run are marked."""
    tables: dict[str, list[str]] = {}
    for row in rows:
        if row.network not in tables:
            head = ["precision", "engine", *cores]
            tables[row.network] = [f"### {row.network}", "", _line(head), "|" + "---|" * len(head)]
        cells = [str(row.figures.get(core, NOT_RUN)) for core in cores]
        tables[row.network].append(_line([row.precision, row.engine, *cells]))
    return "\n\n".join("\n".join(table) for table in tables.values())


def write_into(document: Path, text: str) -> None:
    """Put `text` between BEGIN and END of a Markdown file, at its end if it has them not yet."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    content = f"{before.rstrip()}\n\n{BEGIN}\n\n{text}\n\n{END}\n{after.removeprefix(chr(10))}"
    with written_beside(document, force=True) as draft:
        draft.write_text(content)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
