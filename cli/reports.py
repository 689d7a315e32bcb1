"""What rewriting and verifying showed, as people see it."""

from typing import Any

import click

from ..console import print_table

# What people call the kinds of answers.
TITLES = {"top5": "top 5", "detections": "detections", "pixels": "pixels"}
MOST_ROWS = 20


def show_answer(answer: Any) -> None:
    """What a network says, as far as it fits a screen."""
    if not answer.rows:
        click.echo("nothing detected")
        return
    shown = answer.rows[:MOST_ROWS]
    print_table(tuple(shown[0]), [tuple(row.values()) for row in shown], title=TITLES[answer.kind])
    if left := len(answer.rows) - len(shown):
        click.echo(f"and {left} more (--json has all)")


def show_turned(model: Any) -> None:
    """What was in training mode in the file that `model` came from."""
    from ..frontend.importer import TURNED

    if turned := model.metadata_props.get(TURNED):
        click.echo(f"in training mode in the file, taken as at inference: {turned}")


def show_passes(report: dict[str, Any]) -> None:
    """The passes, what each rewrote and refused, and how exact the result is."""
    rows = [
        (p["name"], p["found"], p["rewritten"], len(p["refused"]), p["worst_error"]) for p in report["passes"]
    ]
    print_table(("pass", "found", "rewritten", "refused", "worst error"), rows)
    for entry in report["passes"]:
        for refusal in entry["refused"]:
            click.echo(f"{entry['name']} refused {refusal['node']}: {refusal['reason']}")
    if report["large_skipped"]:
        click.echo(f"not verified on large inputs: {report['large_skipped']}")
    click.echo(
        f"against the original in ONNX Runtime: worst error {report['worst_error']:.1e} of the output's "
        f"range, at most {report['tolerance']:.0e} allowed"
    )


def show_memory(memory: dict[str, int]) -> None:
    """What the network takes."""
    workspace, least, weights, library = (f"{size:,}" for size in memory.values())
    click.echo(
        f"bytes of memory: workspace {workspace} (any plan: at least {least}), weights {weights}, "
        f"library with weights {library}"
    )


def show_verification(verification: dict[str, Any]) -> None:
    """How exact the compiled network is, or why that is not known."""
    if verification["device"] is None:
        click.echo(f"compiled network not verified: {verification['reason']}")
    else:
        click.echo(
            f"compiled network on {verification['device']}: worst error {verification['worst_error']:.1e} of "
            f"the output's range, at most {verification['tolerance']:.0e} allowed"
        )
