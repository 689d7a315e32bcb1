"""LiteRT, ncnn, MNN and ONNX Runtime beside armlet on simulated ARM cores.

Run it as `python -m armlet.benchmarks.peers`, where armlet is installed from a checkout (`pip install -e .`).

The first run takes an hour or two: it brings an ARM64 Python, the engines and their converters into armlet's
cache (3 GB), and counts each cell there. It can be interrupted: what was counted is not counted again.
Needs Debian or Ubuntu with qemu-user and llvm-22.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import click

import armlet
from armlet.console import progress_bar
from armlet.errors import ArmletError
from armlet.frontend import count as count_layers
from armlet.targets import YARDSTICK, Core, find_core

from ..document import PERFORMANCE, write_section
from .armlet_itself import simulate_armlet
from .cells import Cell, count, price
from .litert import LITERT
from .measured_before import differs
from .mnn import MNN
from .ncnn import NCNN
from .onnxruntime import ONNXRUNTIME
from .peer import Network, Peer, Precision
from .table import OURS, Figures, Row, markdown, verdict

PEERS = (ONNXRUNTIME, LITERT, NCNN, MNN)
NAMES = ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")
NETWORKS = tuple(Network(name, functools.partial(armlet.build, name)) for name in NAMES)
CORES = tuple(find_core(name) for name in ("cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76"))
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")


def cells(peers: Sequence[Peer] = PEERS) -> list[Cell]:
    """Every cell of the table, networks outermost."""
    return [
        Cell(peer, network, precision, core)
        for network in NETWORKS
        for precision in PRECISIONS
        for peer in peers
        if precision in peer.precisions
        for core in CORES
        if computes_in(precision, core)
    ]


def computes_in(precision: Precision, core: Core) -> bool:
    """Whether `core` has arithmetic of this precision."""
    return precision == "fp32" or core.has_half


@click.command(help=__doc__)
@click.option(
    "--only", metavar="TEXT", help="Count only cells whose name holds TEXT, as 'ncnn, mobilenet_v2'."
)
@click.option(
    "--recount", is_flag=True, help="Count again what was counted, as after a change of the caches' model."
)
@click.option("--price", "price_only", is_flag=True, help="Count nothing: price what was counted.")
@click.option(
    "--output", default=PERFORMANCE, type=click.Path(path_type=Path), help="The document written to."
)
def main(only: str | None, recount: bool, price_only: bool, output: Path) -> None:
    """Count, price, write."""
    try:
        if not price_only:
            wanted = [cell for cell in cells() if not only or only in str(cell)]
            count_all([cell for cell in wanted if recount or not cell.trace_file.exists()])
        rows = price_all([cell for cell in cells() if cell.trace_file.exists()])
    except ArmletError as error:
        raise click.ClickException(str(error)) from error
    packages = ", ".join(peer.wheels[0].replace("==", " ") for peer in PEERS)
    made_of = f"{packages}; yardstick {YARDSTICK}."
    macs = {network.name: count_layers(network.build()).macs for network in NETWORKS}
    tables = verdict(rows, CORES, macs), markdown(rows, [core.name for core in CORES])
    write_section(output, "peers", "\n\n".join((made_of, *tables)))
    click.echo(f"written to {output}")


def count_all(wanted: Sequence[Cell]) -> None:
    """Count one cell after the other."""
    with progress_bar("counting") as progress:
        for number, cell in enumerate(wanted):
            progress(str(cell), number / len(wanted))
            count(cell)


def price_all(counted: Sequence[Cell]) -> list[Row]:
    """Model the cycles of all cells and of armlet; say which counts are off what was measured before."""
    rows = []
    with progress_bar("pricing") as progress:
        figures = {}
        for number, cell in enumerate(counted):
            progress(str(cell), number / len(counted))
            figures[cell] = Figures.of(price(cell))
        for network in NETWORKS:
            progress(f"armlet, {network.name}", 1.0)
            for precision in PRECISIONS:
                own = {
                    core.name: Figures.of(simulate_armlet(network, precision, core))
                    for core in CORES
                    if computes_in(precision, core)
                }
                rows.append(Row(network.name, precision, OURS, own))
                rows += _rows(figures, network, precision)
    for cell, found in figures.items():
        key = (cell.peer.name, cell.network.name, cell.precision, cell.core.name)
        if difference := differs(key, found.instructions, found.mac_instructions):
            click.echo(f"not as before: {difference}", err=True)
    return rows


def _rows(figures: dict[Cell, Figures], network: Network, precision: Precision) -> list[Row]:
    """The rows of the peers on one network in one precision."""
    engines: dict[str, dict[str, Figures]] = {}
    for cell, found in figures.items():
        if (cell.network, cell.precision) == (network, precision):
            engines.setdefault(cell.peer.title, {})[cell.core.name] = found
    return [Row(network.name, precision, engine, cores) for engine, cores in engines.items()]


if __name__ == "__main__":
    main()
