"""How cost grows with resolution and width: a plot, and the figures that it shows.

Run it as `python -m armlet.benchmarks.growth`. It writes docs/growth.svg and a table in docs/performance.md:
modelled cycles of armlet's libraries on simulated cores, beside the floor, which is every multiply-accumulate
at the core's peak. About a quarter of an hour.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import armlet
from armlet.console import progress_bar
from armlet.frontend import count
from armlet.gate.plots import svg_of
from armlet.targets import Core, find_core
from armlet.targets.simulator.simulation import simulate

from .document import PERFORMANCE, table, write_section

NETWORKS = ("mobilenet_v3_large", "mobilenet_v3_small")
CORES = tuple(find_core(name) for name in ("cortex-a55", "cortex-a76"))
RESOLUTIONS = (96, 128, 160, 192, 224, 256)
WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.25)
USUAL_RESOLUTION, USUAL_WIDTH = 224, 1.0
PLOT = PERFORMANCE.with_name("growth.svg")


@dataclass(frozen=True)
class Variant:
    """A network of some width at some resolution."""

    network: str
    resolution: int
    width: float


@dataclass(frozen=True)
class Point:
    """What a variant costs on a core, in millions of modelled cycles, and its floor there."""

    variant: Variant
    core: Core
    cycles: float
    floor: float


def variants() -> Iterator[Variant]:
    """Every resolution at the usual width, every width at the usual resolution."""
    for network in NETWORKS:
        yield from (Variant(network, resolution, USUAL_WIDTH) for resolution in RESOLUTIONS)
        yield from (Variant(network, USUAL_RESOLUTION, width) for width in WIDTHS if width != USUAL_WIDTH)


def measure(variant: Variant, core: Core) -> Point:
    """Compile a variant for `core`, and model one inference."""
    model = armlet.build(variant.network, resolution=variant.resolution, width=variant.width)
    assert core.peak
    floor = count(model).macs / core.peak.fp32
    with tempfile.TemporaryDirectory(prefix="armlet-growth-") as folder:
        artifact = armlet.compile_model(model, Path(folder, "made"), core)
        cycles = simulate(artifact.library, artifact.sample[0], core).cycles
    return Point(variant, core, cycles / 1e6, floor / 1e6)


def draw(points: list[Point], output: Path) -> None:
    """Two plots side by side: cycles by resolution and by width, floors dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, by in zip(axes, ("resolution", "width"), strict=True):
        for number, (network, core) in enumerate((n, c) for n in NETWORKS for c in CORES):
            line = sorted(
                (getattr(point.variant, by), point.cycles, point.floor)
                for point in points
                if (point.variant.network, point.core) == (network, core) and _is_of(point.variant, by)
            )
            places, cycles, floors = zip(*line, strict=True)
            label = f"{network.removeprefix('mobilenet_')}, {core.name}"
            axis.plot(places, cycles, marker="o", markersize=3, color=f"C{number}", label=label)
            axis.plot(places, floors, linestyle="dashed", linewidth=0.8, color=f"C{number}")
        axis.set_xlabel(by)
        axis.grid(visible=True, alpha=0.3)
    axes[0].set_ylabel("million modelled cycles (dashed: floor)")
    axes[0].legend(fontsize="small")
    output.write_text(svg_of(figure))


def _is_of(variant: Variant, by: str) -> bool:
    """Whether only `by` may differ from what is usual."""
    return variant.width == USUAL_WIDTH if by == "resolution" else variant.resolution == USUAL_RESOLUTION


def main() -> None:
    """Measure, draw, write."""
    wanted = [(variant, core) for variant in variants() for core in CORES]
    points = []
    with progress_bar("growth") as progress:
        for number, (variant, core) in enumerate(wanted):
            progress(f"{variant}, {core.name}", number / len(wanted))
            points.append(measure(variant, core))
    draw(points, PLOT)
    head = ["network", "resolution", "width", *(f"{core.name}: M cycles, over the floor" for core in CORES)]
    rows = [
        [
            *(variant.network, str(variant.resolution), f"{variant.width:g}"),
            *(f"{p.cycles:.2f}, {p.cycles / p.floor:.2f}" for p in points if p.variant == variant),
        ]
        for variant in variants()
    ]
    write_section(
        PERFORMANCE, "growth", f"![cycles by resolution and width]({PLOT.name})\n\n{table(head, rows)}"
    )


if __name__ == "__main__":
    main()
