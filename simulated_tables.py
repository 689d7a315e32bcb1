"""What people see of a simulated core: totals, the profile by kernel and layer, the code of a kernel."""

from collections.abc import Sequence
from typing import Any

import click

from .console import print_table
from .explain import Explanation
from .profiling import Profile
from .targets import HotRun, KernelCost, Limits, Simulation

# Kernels below this part of the cycles are shown as one.
TINY = 0.001
# Of the cycles of a run, parts under this are left out.
SHOWN = 0.02


def show_totals(profile: Profile, title: str) -> None:
    """Instructions by class, the caches, the modelled cycles; milliseconds too if there is a clock."""
    simulation = profile.simulation
    rows = [(kind.replace("_", " "), count) for kind, count in sorted(simulation.instructions.items())]
    click.echo(title)
    print_table(("instructions", "exact"), [*rows, ("total", _executed(simulation))])
    print_table(
        ("cache", "hits", "misses", "bytes in", "bytes out", "bytes written back"),
        [
            (name, level.hits, level.misses, level.bytes_in, level.bytes_out, level.bytes_written_back)
            for name, level in simulation.memory.named.items()
        ],
    )
    at_clock = f", {profile.modelled_ms:.2f} ms" if profile.modelled_ms else ""
    click.echo(
        f"modelled: {round(simulation.cycles):,} cycles{at_clock}, "
        f"{simulation.stall_cycles / simulation.cycles:.0%} of them waiting for memory; "
        f"{_executed(simulation) / simulation.cycles:.2f} instructions a cycle, "
        f"{simulation.peak_share:.0%} of the multiply-add peak"
    )
    click.echo(str(simulation.record))


def show_profile(profile: Profile) -> None:
    """The modelled cycles by kernel, then by layer, each beside its floor."""
    total, of_network = profile.simulation, profile.simulation.cycles
    large = [kernel for kernel in profile.kernels if kernel.cost.cycles >= TINY * of_network]
    small = profile.kernels[len(large) :]
    rows = [_kernel_row(kernel.cost.name, kernel.cost, kernel.floor_cycles, of_network) for kernel in large]
    if small:
        rest = Simulation(total.record, tuple(kernel.cost for kernel in small))
        floor = sum(kernel.floor_cycles for kernel in small)
        rows.append(_kernel_row(f"{len(small)} below {TINY:.1%}", rest, floor, of_network))
    rows.append(_kernel_row("total", total, profile.floor_cycles, of_network))
    click.echo("modelled, by kernel")
    columns = ("kernel", "cycles", "%", "floor", "% waiting", "IPC", "L1D misses", "L2 misses")
    print_table(columns, rows)

    layers: list[Sequence[Any]] = [
        (
            layer.name,
            layer.kernel.cost.name,
            f"1/{len(layer.kernel.layers)}",
            round(layer.cycles),
            _percent(layer.cycles, of_network),
            round(layer.share * layer.kernel.floor_cycles),
        )
        for layer in profile.layers
    ]
    rest_cycles = of_network - sum(layer.cycles for layer in profile.layers)
    layers.append(("the rest: of no layer", "", "", round(rest_cycles), _percent(rest_cycles, of_network), 0))
    layers.append(("total", "", "", round(of_network), 100.0, round(profile.floor_cycles)))
    click.echo("modelled, by layer: an equal part of a kernel that several share")
    headings = ("layer", "kernel", "part", "cycles", "%", "floor")
    print_table(headings, layers)


def show_explanation(explanation: Explanation) -> None:
    """A kernel beside its floor, and the code that holds most of its cycles."""
    kernel, cost = explanation.kernel, explanation.kernel.cost
    click.echo(f"{cost.name}: {', '.join(kernel.layers) or 'of no layer'}")
    misses = ", ".join(
        f"{level.misses:,} misses in {name}" for name, level in cost.memory.named.items() if name != "memory"
    )
    click.echo(
        f"modelled: {round(cost.cycles):,} cycles, {cost.stall_cycles / cost.cycles:.0%} of them waiting for "
        f"memory ({misses}; {kernel.constant_bytes:,} bytes of weights)"
    )
    click.echo(f"floor: {round(kernel.floor_cycles):,} cycles, the multiply-accumulates alone")
    click.echo(str(explanation.record))
    for run in explanation.runs:
        _show_run(run)
    if len(explanation.runs) < len(cost.runs):
        click.echo(
            f"\nshown are {len(explanation.runs)} of {len(cost.runs)} runs; the others hold "
            f"{1 - explanation.covered:.1%} of the computing (--all)"
        )


def _show_run(hot: HotRun) -> None:
    run, bottleneck, steady = hot.run, hot.bottleneck, hot.bottleneck.cycles_per_iteration
    loop = f" in {run.entries:,} loops of {run.mean_trips:.4g}" if run.trips > 1 else ""
    click.echo(
        f"\n{hot.share:.1%} of the computing: {len(run.words)} instructions, {run.executions:,} times{loop}, "
        f"{hot.cycles_per_iteration:.2f} cycles each time"
    )
    if isinstance(bottleneck, Limits):
        words, parts = "busy", bottleneck.busy
    else:
        words, parts = "of these", bottleneck.causes
    shown = ", ".join(f"{part} {cycles:.2f}" for part, cycles in parts.items() if cycles >= SHOWN * steady)
    click.echo(f"repeated without end {steady:.2f}, bound by {hot.bound_by} ({words}: {shown})")
    at = [""] * len(run.words) if hot.issue_cycles is None else [f"{cycle:5}  " for cycle in hot.issue_cycles]
    for cycle, (address, text) in zip(at, hot.assembly, strict=True):
        click.echo(f"  {cycle}{address:8x}  {text}")


def _kernel_row(name: str, cost: KernelCost | Simulation, floor: float, of_network: float) -> Sequence[Any]:
    l1, l2, *_ = cost.memory.levels
    return (
        name,
        round(cost.cycles),
        _percent(cost.cycles, of_network),
        round(floor),
        _percent(cost.stall_cycles, cost.cycles),
        round(_executed(cost) / cost.cycles, 2),
        l1.misses,
        l2.misses,
    )


def _executed(cost: KernelCost | Simulation) -> int:
    return sum(cost.instructions.values())


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 1)
