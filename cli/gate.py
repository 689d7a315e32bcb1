"""The regression gate: check, init-ci."""

import sys
from pathlib import Path
from typing import Any

import click

from ..console import print_json, working
from .options import (
    Number,
    artifacts_argument,
    cooldown_option,
    cpus_option,
    device_option,
    force_option,
    json_option,
)

path = click.Path(path_type=Path)


@click.command()
@artifacts_argument
@device_option
@click.option("--baseline", type=path, metavar="FILE.json", help="Of a simulated core: the figures to keep.")
@click.option("--update", is_flag=True, help="Make the figures of today the baseline.")
@click.option(
    "--against",
    metavar="DIR|GITREV",
    help="Of a real device: what to run in turns with, an artifact or its own of a git revision.",
)
@click.option("--rounds", type=click.IntRange(10, 10_000), help="Of a real device: 30 if left out.")
@click.option(
    "--threshold",
    type=Number(0, 100),
    metavar="PERCENT",
    help="What may be lost: 1 on a simulated core and 3 on a real device if left out.",
)
@cpus_option
@cooldown_option
@click.option("--junit", type=path, metavar="FILE.xml", help="Write the checks as JUnit XML.")
@click.option("--summary", type=path, metavar="FILE.md", help="Add the checks to this file as Markdown.")
@click.option("--report", type=path, metavar="FILE.html", help="Write a page with plots.")
@json_option
def check(
    folders: tuple[Path, ...],
    uri: str,
    cpus: str | None,
    cooldown: float,
    junit: Path | None,
    summary: Path | None,
    report: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Fail if artifacts are slower, larger or less exact than they were.

    On a simulated core the figures are exact, and held against those in a file that lives in git. A real
    device runs another artifact in turns with each, and only the times of one run are compared. Exit code 3
    is a regression, 4 says that there is no telling.
    """
    from .. import gate, targets
    from ..artifact import Artifact

    if report:
        gate.require_matplotlib()
    device = targets.open_device(uri)
    artifacts = [Artifact.open(folder) for folder in folders]
    with working(f"checking on {uri}") as say:
        conditions = targets.Conditions.of(cpus, cooldown, say)
        result = gate.check(artifacts, device, conditions=conditions, **options)
    if as_json:
        print_json(result.to_json())
    else:
        gate.show_result(result)
    gate.write_reports(result, junit=junit, summary=summary)
    if report:
        gate.write_page(result, report, options["baseline"])
    sys.exit(result.outcome.exit_code)


@click.command(name="init-ci")
@click.argument("model", metavar="MODEL|M.onnx")
@click.option("--target", "core", required=True, metavar="CORE", help="A core that can be simulated.")
@click.option(
    "-o",
    "--output",
    type=path,
    default=".github/workflows/armlet.yml",
    show_default=True,
    metavar="FILE.yml",
)
@click.option(
    "--package", default="armlet[report]", show_default=True, help="What pip installs: a name, URL or file."
)
@force_option
def init_ci(model: str, core: str, output: Path, package: str, force: bool) -> None:
    """Write a workflow for GitHub's CI that compiles a network and checks it on a simulated core."""
    from .. import gate

    commands = gate.write_workflow(output, model, core, package=package, force=force)
    click.echo(f"{output} is written; it wants a baseline:")
    for command in commands:
        click.echo(f"  {command}")
