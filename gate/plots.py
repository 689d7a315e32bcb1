"""Plots of the gate as SVG, to stand in an HTML page."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import ArmletError
from ..targets import PairedTimes, bytes_a_cycle, find_core
from .comparison import Comparison
from .figures import Figures
from .history import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Kernels shown one by one.
SHOWN = 40
THOUSANDS = "{x:,.0f}"
GREY, BLUE, RED = "#b0b7bf", "#2b6cb0", "#c53030"


def require_matplotlib() -> None:
    """Raise ArmletError if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ArmletError("plots want matplotlib: pip install 'armlet[report]'") from error


def kernels(comparison: Comparison) -> str:
    """The modelled cycles of each kernel before and now, each beside its floor; the costliest first."""
    groups = sorted(comparison.groups, key=lambda group: -group.cycles)[:SHOWN]
    figure, axes = _figure(height=1 + 0.28 * len(groups))
    rows = range(len(groups))
    axes.barh([row - 0.2 for row in rows], [group.cycles_before for group in groups], 0.36, color=GREY)
    colours = [RED if group in comparison.grown else BLUE for group in groups]
    axes.barh([row + 0.2 for row in rows], [group.cycles for group in groups], 0.36, color=colours)
    floors = [sum(kernel.floor_cycles for kernel in group.now) for group in groups]
    axes.vlines(floors, [row - 0.4 for row in rows], [row + 0.4 for row in rows], color="black", linewidth=1)
    axes.set_yticks(rows, [_short(group.title) for group in groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.set_xlabel("modelled cycles: baseline grey, now blue, grown red; the line is the floor")
    return svg_of(figure)


def roofline(figures: Figures) -> str:
    """Multiply-accumulates a cycle of each kernel by those a byte, under the core's peak and main memory."""
    figure, axes = _figure(height=4.5)
    shown = [kernel for kernel in figures.kernels if kernel.macs]
    intensity = [kernel.macs / kernel.bytes for kernel in shown]
    axes.loglog(intensity, [kernel.macs / kernel.cycles for kernel in shown], "o", color=BLUE, markersize=4)
    for kernel, x in zip(shown, intensity, strict=True):
        if kernel.cycles > 0.03 * figures.cycles:
            axes.annotate(_short(kernel.layers[0]), (x, kernel.macs / kernel.cycles), fontsize=7)
    peak = sum(kernel.macs for kernel in shown) / sum(kernel.floor_cycles for kernel in shown)
    bandwidth = bytes_a_cycle(find_core(figures.record.core))
    ends = [min(intensity), max(*intensity, 2 * peak / bandwidth)]
    axes.axhline(peak, color="black", linewidth=1)
    axes.plot(ends, [bandwidth * x for x in ends], color="black", linewidth=1, linestyle="--")
    axes.set_ylim(top=2 * peak)
    axes.set_xlabel("multiply-accumulates a byte of maps and weights")
    axes.set_ylabel("multiply-accumulates a cycle")
    axes.set_title(
        f"floor: {peak:.3g} multiply-accumulates a cycle; main memory (dashed): {bandwidth:g} bytes a cycle"
    )
    return svg_of(figure)


def cycles_by_commit(points: Sequence[Point], name: str, now: int) -> str:
    """The modelled cycles of the artifact `name` in each commit that changed the baseline, and now."""
    known = [point for point in points if name in point.cycles]
    figure, axes = _figure(height=3.2)
    places = range(len(known) + 1)
    axes.plot(places, [*(point.cycles[name] for point in known), now], "o-", color=BLUE, markersize=4)
    labels = [f"{point.commit}\n{point.date}" for point in known]
    axes.set_xticks(places, [*labels, "now"], rotation=60, fontsize=7)
    axes.set_ylim(0, 1.1 * max(now, *(point.cycles[name] for point in known)))
    axes.yaxis.set_major_formatter(THOUSANDS)
    axes.set_ylabel("modelled cycles")
    return svg_of(figure)


def rounds(paired: PairedTimes) -> str:
    """The times of both artifacts in each round."""
    figure, axes = _figure(height=3.2)
    axes.plot(paired.before_ms, "o", color=GREY, markersize=4, label="before")
    axes.plot(paired.now_ms, "o", color=BLUE, markersize=4, label="now")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("round")
    axes.set_ylabel("ms")
    axes.legend()
    return svg_of(figure)


def _figure(height: float) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def svg_of(figure: "Figure") -> str:
    """The figure as an element of HTML: text stays text, and the same figure gives the same bytes."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "armlet"}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _short(name: str) -> str:
    return name if len(name) <= 36 else f"{name[:35]}…"
