"""What MobileNetV3's paper claims of its networks against others, beside armlet's modelled cycles.

Run it as `python -m armlet.benchmarks.claims`. It writes a table in docs/models.md: half an hour a core, less
where nothing that is compiled has changed.
"""

from typing import Any

from armlet.console import progress_bar
from armlet.paper import compare
from armlet.targets import SimulatedDevice

from .document import table, write_section
from .models import MODELS

CORES = ("cortex-a72", "cortex-a76")


def rows(compared: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    """A claim a row, of what was found by core; in brackets million modelled cycles of both networks."""
    return [
        [
            f"{claim['claim']} ({claim['source']})",
            "x".join(map(str, claim["image"])),
            f"{claim['paper_macs_ratio']:.2f}, **{claim['macs_ratio']:.2f}**",
            f"{claim['paper_latency_ratio']:.2f}",
            *map(_cycles, on_cores),
        ]
        for claim, *on_cores in zip(next(iter(compared.values())), *compared.values(), strict=True)
    ]


def _cycles(claim: dict[str, Any]) -> str:
    network, baseline = (f"{cycles / 1e6:.1f}" for cycles in claim["modelled_cycles"])
    return f"**{claim['cycles_ratio']:.2f}** ({network} / {baseline})"


def main() -> None:
    """Compile, simulate and write."""
    compared = {}
    for core in CORES:
        with progress_bar(f"claims on {core}") as progress:
            found = compare(device=SimulatedDevice.of(core), progress=progress)
        compared[core] = [each.to_json() for each in found]
    head = ["claim", "image", "MAdds: printed, **armlet**", "latency: printed"]
    head += [f"**armlet** on {core}" for core in CORES]
    write_section(MODELS, "claims", table(head, rows(compared)))


if __name__ == "__main__":
    main()
