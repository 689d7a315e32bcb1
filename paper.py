"""What MobileNetV3's paper claims of its networks against others, beside the same ratios of armlet's.

The paper (arXiv 1905.02244) compares latencies of TensorFlow Lite on phones; armlet has multiply-accumulates
and, on a simulated core, modelled cycles of its own compiled code.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .compiler import compile_model
from .frontend import build, count
from .targets import SimulatedDevice


@dataclass(frozen=True)
class Side:
    """A network, and the billions of MAdds and the milliseconds that the paper prints for it."""

    network: str
    macs: float
    milliseconds: float
    options: Mapping[str, Any] = field(default_factory=dict)

    def cycles(self, device: SimulatedDevice) -> float:
        """Compile the network for the core of `device` and model an inference."""
        detects = self.network.startswith("ssdlite")
        model = build(self.network, **self.options, postprocess=False if detects else None)
        with tempfile.TemporaryDirectory(prefix="armlet-paper-") as folder:
            artifact = compile_model(model, Path(folder, "made"), device.core)
            return device.simulate(artifact.library, artifact.sample[0]).cycles


@dataclass(frozen=True)
class Claim:
    """A network against a baseline, by the figures of a table."""

    what: str
    network: Side
    baseline: Side
    source: str


@dataclass(frozen=True)
class Comparison:
    """A claim, and armlet's ratios of multiply-accumulates and, if asked for, of modelled cycles."""

    claim: Claim
    macs_ratio: float
    cycles_ratio: float | None

    def to_json(self) -> dict[str, Any]:
        """The figures, the paper's beside armlet's."""
        ours, theirs = self.claim.network, self.claim.baseline
        return {
            "claim": self.claim.what,
            "source": self.claim.source,
            "paper_macs_ratio": ours.macs / theirs.macs,
            "macs_ratio": self.macs_ratio,
            "paper_latency_ratio": ours.milliseconds / theirs.milliseconds,
            "cycles_ratio": self.cycles_ratio,
        }


_LARGE, _SMALL, _V2 = "mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2"
_PIXEL_1 = "table 3, Pixel 1"

CLAIMS = (
    Claim("V3-Large against V2", Side(_LARGE, 0.219, 51), Side(_V2, 0.300, 64), _PIXEL_1),
    Claim(
        "V3-Small against V2 0.35",
        Side(_SMALL, 0.056, 15.8),
        Side(_V2, 0.0592, 16.6, {"width": 0.35}),
        _PIXEL_1,
    ),
    Claim(
        "V3-Small against Mnas-small",
        Side(_SMALL, 0.056, 15.8),
        Side("mnasnet_small", 0.0651, 20.3),
        _PIXEL_1,
    ),
    Claim(
        "SSDLite on V3 against V2",
        Side(f"ssdlite_{_LARGE}", 0.62, 137),
        Side(f"ssdlite_{_V2}", 0.80, 162),
        "table 6",
    ),
    Claim(
        "SSDLite on V3, tail halved, against V2",
        Side(f"ssdlite_{_LARGE}", 0.51, 119, {"reduced_tail": True}),
        Side(f"ssdlite_{_V2}", 0.80, 162),
        "table 6",
    ),
    # Milliseconds are of pictures of 512x1024, armlet's default; MAdds are printed for twice the size.
    Claim(
        "LR-ASPP on V3 against R-ASPP on V2",
        Side(f"lraspp_{_LARGE}", 9.74, 657),
        Side(f"raspp_{_V2}", 21.29, 1020),
        "table 7, rows 8 and 1, Pixel 3",
    ),
)


def compare(
    claims: Sequence[Claim] = CLAIMS,
    device: SimulatedDevice | None = None,
    progress: Callable[[str, float], None] = lambda what, part: None,
) -> list[Comparison]:
    """Hold `claims` against armlet's networks; with `device`, compile each for its core and model its cycles.

    `progress` is told what is being done and which part of the whole is behind. Raises as `compile_model` and
    `SimulatedDevice.simulate` do.
    """
    compared = []
    for number, claim in enumerate(claims):
        sides = (claim.network, claim.baseline)
        macs, baseline = (count(build(side.network, **side.options)).macs for side in sides)
        cycles_ratio = None
        if device:
            progress(claim.what, number / len(claims))
            cycles, baseline_cycles = (side.cycles(device) for side in sides)
            cycles_ratio = cycles / baseline_cycles
        compared.append(Comparison(claim, macs / baseline, cycles_ratio))
    return compared
