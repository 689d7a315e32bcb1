"""What people watch while kernels are tuned: at a terminal a bar over the kernels, else lines for a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..console import table_of

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

    from ..compiler.tuning import Standing

# What a run is at, the part of that which is behind, and what is known of the kernels; None if as before.
Watch = Callable[[str, "float | None", "Standing | None"], None]

HEADINGS = ("template", "first layer", "default", "best", "gain")
# Of a terminal's lines, those of no kernel: title, bar, unit, headings, kernels left out, sum, cursor.
OTHER_LINES = 7
# Lines in a log are written when another of so many parts of the work is behind.
PARTS = 10


def kernel_rows(standing: "Standing") -> list[tuple[Any, ...]]:
    """A row a kernel, costliest first: what a call costs by default, with the best so far, and the gain."""
    return [
        (
            kernel.kernel,
            kernel.layers[0],
            kernel.default and round(kernel.default),
            kernel.best and round(kernel.best),
            _change(kernel.default, kernel.best),
        )
        for kernel in standing.kernels
    ]


def unit_of(standing: "Standing") -> str:
    """The unit of its costs, in words."""
    return standing.unit.replace("_", " ")


@contextmanager
def tuning_display(title: str, console: "Console | None" = None) -> Iterator[Watch]:
    """Show on `console`, standard error if None, what the function that it yields is called with."""
    from rich.console import Console
    from rich.live import Live

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _Log(title, console).show
        return
    display = _Display(title)
    with Live(display, console=console, transient=True):
        yield display.show


def _change(default: float | None, best: float | None) -> str:
    """What is gained, if anything is."""
    return f"{100 * (best / default - 1):+.2f}%" if default and best and best != default else ""


def _sum(standing: "Standing | None") -> str:
    """What all kernels cost, once any is known."""
    default, best = standing.sums if standing else (0.0, 0.0)
    if not standing or not default:
        return ""
    costs = f"all kernels: {default:,.0f} to {best:,.0f} {unit_of(standing)}"
    return ", ".join(filter(None, (costs, _change(default, best))))


class _Display:
    """A bar with the time left, as many of the costliest kernels as fit the terminal, and their sum."""

    def __init__(self, title: str) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            BarColumn(bar_width=20),
            TimeRemainingColumn(),
            TextColumn("{task.fields[step]}", markup=False),
            # Rounds of a large network take minutes on a slow machine, and all take the same.
            speed_estimate_period=3600,
        )
        self._title = title
        self._task = self._bar.add_task("", total=1.0, step="")
        self._part = 0.0
        self._standing: Standing | None = None

    def show(self, what: str, part: float | None, standing: "Standing | None" = None) -> None:
        if part is not None and part < self._part:
            self._bar.reset(self._task)
        self._part = self._part if part is None else part
        self._standing = standing or self._standing
        self._bar.update(self._task, completed=part, step=what)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> Iterator["RenderableType"]:
        from rich.text import Text

        yield Text(self._title)
        yield self._bar
        if self._standing:
            rows = kernel_rows(self._standing)
            shown = rows[: max(0, options.max_height - OTHER_LINES)]
            yield table_of(HEADINGS, shown, title=f"{unit_of(self._standing)}, costliest kernels first")
            yield Text(f"and {len(rows) - len(shown)} more" if shown != rows else "")
            yield Text(_sum(self._standing))


class _Log:
    """A line now and then."""

    def __init__(self, title: str, console: "Console") -> None:
        self._title, self._console, self._parts = title, console, 0

    def show(self, what: str, part: float | None, standing: "Standing | None" = None) -> None:
        from rich.text import Text

        parts = self._parts if part is None else int(PARTS * part)
        if parts > self._parts:
            words = filter(None, (f"{self._title}: {what}", _sum(standing)))
            self._console.print(Text("; ".join(words)), soft_wrap=True)
        self._parts = parts
