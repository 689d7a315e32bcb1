"""Tuning: find the best parameters for kernels."""

from pathlib import Path
from typing import Any

import click

from ..console import print_json, print_table
from .options import TARGETS, cooldown_option, cpus_option, json_option, precision_option, shapes_option
from .tuning_display import HEADINGS, kernel_rows, tuning_display, unit_of


@click.command()
@click.argument("source", metavar="MODEL|M.onnx")
@click.option("--target", "core", required=True, metavar="CORE", help=TARGETS)
@click.option("--device", "uri", required=True, metavar="URI", help="Where kernels are measured.")
@click.option("--database", type=click.Path(path_type=Path), required=True, metavar="FILE")
@click.option("--trials", type=click.IntRange(1), metavar="N", help="Measure at most so many; else all.")
@cpus_option
@cooldown_option
@precision_option
@shapes_option
@json_option
def tune(
    source: str,
    core: str,
    uri: str,
    cpus: str | None,
    cooldown: float,
    database: Path,
    shapes: Any,
    as_json: bool,
    **options: Any,
) -> None:
    """Find the best parameters for a network's kernels, and keep what was measured in a file.

    What ends a run loses the trials that were running: the same command goes on from there.
    """
    from .. import compiler, frontend, targets

    target, device = targets.find_core(core), targets.open_device(uri)
    model = frontend.open_model(source, shapes)
    with tuning_display(f"tuning {source} for {core} on {uri}") as progress:
        conditions = targets.Conditions.of(cpus, cooldown, lambda what: progress(what, None, None))
        tuning = compiler.tune_model(
            model, target, device, database, conditions=conditions, progress=progress, **options
        )
    if as_json:
        print_json({"database": str(database), "device": uri, **tuning.to_json()})
        return
    print_table(HEADINGS, kernel_rows(tuning), title=unit_of(tuning))
    click.echo(
        f"{tuning.measured} trials measured ({tuning.order}), {sum(tuning.failures.values())} failed; "
        f"the network: {tuning.default_cost:,.0f} {unit_of(tuning)} by default, "
        f"{tuning.tuned_cost:,.0f} tuned; records in {database}"
    )
    for reason, times in tuning.failures.items():
        click.echo(f"failed {times} times: {reason}")
