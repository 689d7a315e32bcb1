"""What people see: tables on standard output, progress on standard error."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import rich.table


def print_json(content: Any) -> None:
    """One object, for other programs; raises ValueError for NaN and infinity, which JSON has no words for."""
    click.echo(json.dumps(content, indent=2, allow_nan=False))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """A table, as `table_of` makes it."""
    from rich.console import Console

    # In a pipe there is no window to fit: lines as long as they need to be.
    Console(width=None if sys.stdout.isatty() else 1000).print(table_of(headings, rows, title), crop=False)


def table_of(
    headings: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None
) -> "rich.table.Table":
    """A table; numbers stand to the right, with thousands separated; None leaves its cell empty."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title and Text(title), title_justify="left", box=None, pad_edge=False)
    rows = [*rows]
    lines = [[_cell(value) for value in row] for row in rows]
    numeric = [all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(headings))]
    for heading, right in zip(headings, numeric, strict=True):
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for line in lines:
        table.add_row(*map(Text, line))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        # To three digits, or all before the point.
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value if value is not None else "")


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """A sign of life while something of unknown length goes on; yields what says what that is now."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what: None
        return
    with console.status(Text(what)) as status:
        yield lambda what: status.update(Text(what))


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[str, float | None], None]]:
    """A bar with the time left; yields what moves it: what is done, and which part is behind or None."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[step]}", markup=False),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=1.0, step="")
        yield lambda step, part: progress.update(task, completed=part, step=step)
