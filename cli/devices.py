"""Commands on devices and on this machine: devices, deploy, server, doctor."""

import sys
from pathlib import Path
from typing import Any

import click

from ..console import print_json, print_table, working
from ..errors import DeviceError
from .options import artifact_argument, force_option, json_option


@click.command()
@click.argument("uris", nargs=-1, metavar="[URI...]")
@json_option
def devices(uris: tuple[str, ...], as_json: bool) -> None:
    """List the devices of this machine and of armlet.toml, or check those named.

    A tracker's URI without a key lists its keys. Exit code 5 if a device that is named cannot be used.
    """
    from .. import targets

    with working("asking the devices"):
        statuses = targets.list_devices(uris)
    if as_json:
        print_json({"devices": [status.to_json() for status in statuses]})
    else:
        print_table(
            ("device", "usable", "processors", "clock", "fit to measure", "note"), map(_row, statuses)
        )
    if uris and not all(status.available for status in statuses):
        sys.exit(DeviceError.exit_code)


def _row(status: Any) -> tuple[str | None, ...]:
    board, unfit = status.board, status.unfit
    device = f"{status.name} ({status.uri})" if status.name else status.uri
    fit = unfit and "no: " + "; ".join(unfit) if unfit is None or unfit else "yes"
    return (
        *(device, "yes" if status.available else "no"),
        *(board and board.cores, board and board.clock, fit),
        status.note,
    )


@click.command()
@artifact_argument
@click.option("--device", "uri", required=True, metavar="URI", help="ssh://[USER@]HOST[:PORT] or adb:SERIAL")
@json_option
def deploy(folder: Path, uri: str, as_json: bool) -> None:
    """Push an artifact to a board or phone, check its hashes there, run it once and compare the output.

    Nothing has to be installed there. What starts it is printed.
    """
    from .. import targets
    from ..artifact import Artifact
    from ..deployment import deploy as deploy_artifact

    artifact, device = Artifact.open(folder), targets.open_device(uri)
    with working(f"deploying to {uri}"):
        deployment = deploy_artifact(artifact, device)
    if as_json:
        print_json(deployment.to_json())
        return
    click.echo(f"{uri}: {deployment.system}")
    done = "pushed, every hash agrees there" if deployment.pushed else "was there already, whole"
    click.echo(f"{deployment.folder}: {done}")
    click.echo(f"against ONNX Runtime: worst error {deployment.worst_error:.1e} of the output's range")
    for what, command in deployment.commands.items():
        click.echo(f"to {what}:\n  {command}")


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR")
@force_option
def server(output: Path, force: bool) -> None:
    """Write the RPC server for a 64-bit Raspberry Pi or an Android phone, with all it needs, to a folder."""
    from .. import targets

    with working("building the server"):
        targets.write_server(output, force=force)
    click.echo(f"{output}: copy it to the board or phone and run ./start there (./start --help)")


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Say what is installed, what is missing, and the command that brings it."""
    from .. import targets

    findings = targets.diagnose()
    if as_json:
        print_json({"findings": [vars(finding) for finding in findings]})
    else:
        rows = [(f.name, f.found or "missing", f.purpose, "" if f.found else f.remedy) for f in findings]
        print_table(("what", "found", "for", "to get it"), rows)
