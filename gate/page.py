"""The gate as one HTML page that needs nothing else."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

from ..files import written_beside
from . import plots
from .comparison import Comparison
from .history import Point, history
from .in_turns import Times
from .outcome import Check, GateResult, Verdict

TEMPLATE = Path(__file__).with_name("templates") / "page.html"


def write_page(result: GateResult, path: Path, baseline: Path | None = None) -> None:
    """Write `result` as HTML to `path`, with the history of the file `baseline` where git has one.

    Raises ArmletError if matplotlib is not installed or the page cannot be written.
    """
    plots.require_matplotlib()
    points = history(baseline) if baseline else []
    text = Template(TEMPLATE.read_text()).substitute(
        outcome=result.outcome,
        device=escape(result.device),
        against=escape(result.against),
        verdicts="\n".join(line for verdict in result.verdicts for line in _verdict(verdict, points)),
    )
    with written_beside(path, force=True) as draft:
        draft.write_text(text)


def _verdict(verdict: Verdict, points: Sequence[Point]) -> Iterable[str]:
    yield f'<h2>{escape(verdict.name)}: <span class="{verdict.outcome}">{verdict.outcome}</span></h2>'
    yield f"<table>{''.join(map(_row, verdict.checks))}</table>"
    yield from (f"<p>{escape(note)}</p>" for note in verdict.notes)
    if isinstance(verdict.evidence, Times):
        yield f"<h3>Rounds</h3>{plots.rounds(verdict.evidence.paired)}"
    if isinstance(verdict.evidence, Comparison):
        now = verdict.evidence.now
        yield f"<h3>Kernels</h3>{plots.kernels(verdict.evidence)}"
        yield f"<h3>Roofline</h3>{plots.roofline(now)}"
        if any(verdict.name in point.cycles for point in points):
            yield f"<h3>History</h3>{plots.cycles_by_commit(points, verdict.name, now.cycles)}"


def _row(check: Check) -> str:
    details = "".join(f"<br>{escape(line)}" for line in check.details)
    outcome = f'<td class="{check.outcome}">{check.outcome}</td>'
    return f"<tr><td>{escape(check.name)}</td>{outcome}<td>{escape(check.summary)}{details}</td></tr>"
