"""What people see of a profile by the clock."""

from collections.abc import Sequence
from typing import Any

import click

from .console import print_table
from .timed_profile import TimedKernel, TimedLayer, TimedProfile


def show_timed_profile(profile: TimedProfile, title: str) -> None:
    """The time by kernel, then by layer, and the sum of both beside that of the whole."""
    whole = (1000 * profile.by_kernel_ms, 100.0, sum(kernel.macs for kernel in profile.kernels), None)
    click.echo(f"{title}, by kernel")
    rows: list[Sequence[Any]] = [
        (kernel.name, kernel.family, len(kernel.layers), *_figures(kernel, profile))
        for kernel in profile.kernels
    ]
    headings = ("µs", "%", "MACs", "MACs/ns")
    print_table(("kernel", "family", "calls", *headings), [*rows, ("total", "", len(profile.layers), *whole)])
    click.echo(f"{title}, by layer")
    rows = [(layer.name, layer.kernel, *_figures(layer, profile)) for layer in profile.layers]
    print_table(("layer", "kernel", *headings), [*rows, ("total", "", *whole)])
    click.echo(
        f"the whole takes {profile.percentile(50):.3f} ms, kernel by kernel {profile.by_kernel_ms:.3f} ms, "
        f"with a reading of the counter after each: {profile.not_in_kernels_ms:+.3f} ms are in no kernel"
    )


def _figures(of: TimedKernel | TimedLayer, profile: TimedProfile) -> Sequence[Any]:
    macs = (of.macs, of.macs_per_ns) if of.macs else (None, None)
    return 1000 * of.ms, round(100 * profile.share(of), 1), *macs
