"""ncnn on boards, modelled beside published: `python -m armlet.benchmarks.peers.calibration`.

Published are single-thread times of ncnn's own benchmark list (benchmark/README.md of Tencent/ncnn), of the
networks and with the options of its benchmark program. The table goes to standard output.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import click

from armlet.console import progress_bar
from armlet.errors import ArmletError
from armlet.targets import YARDSTICK, Core, find_core
from armlet.targets.cores import KIB, Cache
from armlet.targets.simulator.memory_stalls import MEMORIES, Link, Memory

from .benchmark_networks import NETWORKS
from .cells import Cell, count, price
from .ncnn import NCNN


@dataclass(frozen=True)
class Board:
    """A board of the list: its core, its clock in GHz, its memory if that is not the core's usual one.

    `published_ms` are its milliseconds for each network; those in `calibrates` went into the model.
    """

    name: str
    core: Core
    ghz: float
    published_ms: dict[str, float]
    memory: Memory | None = None
    calibrates: frozenset[str] = field(default=frozenset())


V2_ONLY = frozenset({"v2"})
_A72 = MEMORIES["cortex-a72"]
# No L2, and half a megabyte of L3 for the cluster (RK3566 TRM).
_RK3566 = replace(find_core("cortex-a55"), l2=None, l3=Cache(512 * KIB, 16, exclusive=True))

# Memories as in memory_stalls.py, by sbc-bench on the board: RK3399 4Kau, at 1.8 GHz; RK3566.
BOARDS = (
    Board("Raspberry Pi 3B+", find_core("cortex-a53"), 1.4, {"v2": 158.7, "v3": 127.1}, calibrates=V2_ONLY),
    Board("Raspberry Pi 4B", find_core("cortex-a72"), 1.8, {"v2": 93.0, "v3": 72.5}, calibrates=V2_ONLY),
    Board("Raspberry Pi 5", find_core("cortex-a76"), 2.4, {"v2": 16.2, "v3": 11.6}, calibrates=V2_ONLY),
    Board(
        "RK3399",
        find_core("cortex-a72"),
        1.8,
        {"v2": 78.2, "v3": 63.5},
        memory=replace(_A72, links=(_A72.links[0], Link(228, 4.0)), write_bandwidth=4.67),
    ),
    Board("Khadas VIM3", find_core("cortex-a73"), 2.2, {"v2": 81.4, "v3": 62.3}),
    Board(
        "RK3566",
        _RK3566,
        1.8,
        {"v2": 55.8, "v3": 45.6},
        memory=Memory((Link(30, 9.8), Link(283, 3.1)), write_bandwidth=3.4),
    ),
)


def cell_of(board: Board, network: str) -> Cell:
    """What ncnn's benchmark program runs on `board`: half precision where the core computes in it."""
    return Cell(NCNN, NETWORKS[network], "default", board.core)


def modelled_ms(board: Board, network: str) -> float:
    """The milliseconds that the models give for a counted board."""
    return price(cell_of(board, network), board.memory).cycles / (board.ghz * 1e6)


def markdown(modelled: Callable[[Board, str], float] = modelled_ms) -> str:
    """Each board and network beside what is `modelled` for it; median errors, of those held out apart."""
    lines = [
        "| board | core | GHz | network | published ms | modelled ms | error | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    errors: dict[bool, list[float]] = {True: [], False: []}
    for board in BOARDS:
        for network, published in board.published_ms.items():
            ms = modelled(board, network)
            error, calibrates = ms / published - 1, network in board.calibrates
            errors[calibrates].append(abs(error))
            place = f"{board.name} | {board.core.name} | {board.ghz:g} | {network}"
            note = "calibrates" if calibrates else ""
            lines.append(f"| {place} | {published:.1f} | {ms:.1f} | {error:+.0%} | {note} |")
    held_out, both = errors[False], errors[False] + errors[True]
    return "\n".join(
        [
            *lines,
            "",
            f"Median error {statistics.median(both):.0%}; of the {len(held_out)} rows that did not calibrate "
            f"{statistics.median(held_out):.0%}, at most {max(held_out):.0%}. Yardstick {YARDSTICK}.",
        ]
    )


@click.command(help=__doc__)
@click.option(
    "--recount", is_flag=True, help="Count again what was counted, as after a change of the caches' model."
)
def main(recount: bool) -> None:
    """Count what was not counted yet, price, print."""
    try:
        cells = dict.fromkeys(cell_of(board, network) for board in BOARDS for network in board.published_ms)
        with progress_bar("counting") as progress:
            for number, cell in enumerate(cells):
                progress(str(cell), number / len(cells))
                if recount or not cell.trace_file.exists():
                    count(cell)
        click.echo(markdown())
    except ArmletError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
