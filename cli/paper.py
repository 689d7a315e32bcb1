"""The command that holds armlet against the paper: paper."""

import click

from ..console import print_json, print_table, progress_bar
from .options import json_option


@click.command()
@click.option("--target", "core", metavar="CORE", help="Compile for it and model cycles too: half an hour.")
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
    headings = ("claim", "of the paper's", "MAdds", "armlet's MACs", "latency", "armlet's cycles")
    print_table(headings, [tuple(each.values()) for each in compared])
    click.echo("ratios to the network compared with; cycles are modelled, of one core and one thread")
