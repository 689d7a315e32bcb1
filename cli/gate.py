"""The regression gate: check."""

import sys
from pathlib import Path

import click

from ..console import print_json, working
from .options import artifacts_argument, device_option, json_option

path = click.Path(path_type=Path)


@click.command()
@artifacts_argument
@device_option
@click.option("--baseline", type=path, metavar="FILE.json", help="Of a simulated core: the figures to keep.")
@click.option("--update", is_flag=True, help="Make the figures of today the baseline.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="What may be lost: 1 on a simulated core if left out.",
)
@click.option("--junit", type=path, metavar="FILE.xml", help="Write the checks as JUnit XML.")
@click.option("--summary", type=path, metavar="FILE.md", help="Add the checks to this file as Markdown.")
@json_option
def check(
    folders: tuple[Path, ...],
    uri: str,
    baseline: Path | None,
    update: bool,
    threshold: float | None,
    junit: Path | None,
    summary: Path | None,
    as_json: bool,
) -> None:
    """Fail if artifacts are slower, larger or less exact than they were.

    On a simulated core the figures are exact, and held against those in a file that lives in git. Exit code 3
    is a regression, and 4 says that there is no telling.
    """
    from .. import gate, targets
    from ..artifact import Artifact

    device = targets.open_device(uri)
    artifacts = [Artifact.open(folder) for folder in folders]
    with working(f"checking on {uri}"):
        result = gate.check(artifacts, device, baseline=baseline, update=update, threshold=threshold)
    if as_json:
        print_json(result.to_json())
    else:
        gate.show_result(result)
    gate.write_reports(result, junit=junit, summary=summary)
    sys.exit(result.outcome.exit_code)
