"""What people see of the gate."""

import click

from ..console import print_table
from .outcome import GateResult, Outcome, Verdict


def show_result(result: GateResult) -> None:
    """The checks of each artifact, the reasons of those that did not pass, and what it comes to."""
    for verdict in result.verdicts:
        _show(verdict, f"{verdict.folder} ({verdict.name}) on {result.device}, against {result.against}")
    click.echo(result.outcome)


def _show(verdict: Verdict, title: str) -> None:
    rows = [(check.name, check.outcome, check.summary) for check in verdict.checks]
    click.echo(title)
    print_table(("check", "", "found"), rows)
    for check in verdict.checks:
        if check.outcome is not Outcome.PASSED and check.details:
            click.echo(f"{check.name}:")
            for line in check.details:
                click.echo(f"  {line}")
    for note in verdict.notes:
        click.echo(f"note: {note}")
