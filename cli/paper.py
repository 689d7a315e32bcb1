"""The command that holds armlet against the paper: paper."""

import click

from ..console import print_json, print_table, progress_bar
from .options import json_option

RATIOS = ("paper_macs_ratio", "macs_ratio", "paper_latency_ratio", "cycles_ratio")


@click.command()
@click.option("--target", "core", metavar="CORE", help="Model cycles of it too: the first time half an hour.")
@json_option
def paper(core: str | None, as_json: bool) -> None:
    """Show what MobileNetV3's paper claims beside armlet's ratios, of MACs and of modelled cycles."""
    from .. import paper as claims
    from .. import targets

    device = targets.SimulatedDevice.of(core) if core else None
    with progress_bar("paper") as progress:
        compared = [each.to_json() for each in claims.compare(device=device, progress=progress)]
    if as_json:
        print_json({"target": core, "claims": compared})
        return
    headings = ("claim", "image", "of the paper's", "MAdds", "armlet's MACs", "latency", "armlet's cycles")
    rows = [
        (c["claim"], "x".join(map(str, c["image"])), c["source"], *(c[ratio] for ratio in RATIOS))
        for c in compared
    ]
    print_table(headings, rows)
    click.echo("ratios to the network compared with; cycles are modelled, of one core and one thread")
