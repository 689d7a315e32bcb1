"""What MobileNetV3's paper claims of its networks against others, beside the same ratios of armlet's.

The paper (arXiv 1905.02244) compares latencies of TensorFlow Lite on phones; armlet has multiply-accumulates
and, on a simulated core, modelled cycles of its own compiled code.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx_ir as ir

from .compiler import compile_model
from .frontend import build, count
from .frontend.shapes import picture_size
from .targets import SimulatedDevice

Progress = Callable[[str, float], None]
# The part of the time that compiling takes, the rest being simulated.
COMPILING = 0.4


@dataclass(frozen=True)
class Side:
    """A network, and the billions of MAdds and the milliseconds that the paper prints for it."""

    network: str
    macs: float
    milliseconds: float
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def variant(self) -> str:
        """The network and its options: two sides of which this is equal cost the same."""
        return " ".join([self.network, *(f"{option}={value}" for option, value in self.options.items())])

    def build(self) -> ir.Model:
        """The network, as far as it has fixed sizes."""
        detects = self.network.startswith("ssdlite")
        return build(self.network, **self.options, postprocess=False if detects else None)


@dataclass(frozen=True)
class Claim:
    """A network against a baseline, by the figures of a table."""

    what: str
    network: Side
    baseline: Side
    source: str


@dataclass(frozen=True)
class Comparison:
    """A claim, the `image` (height and width) that armlet's networks take, and their costs.

    `macs` and `cycles` are of the network and of its baseline; `cycles` are modelled, if asked for.
    """

    claim: Claim
    image: tuple[int, int]
    macs: tuple[int, int]
    cycles: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        """The paper's ratios beside armlet's: all are of the network to its baseline."""
        ours, theirs = self.claim.network, self.claim.baseline
        return {
            "claim": self.claim.what,
            "source": self.claim.source,
            "image": list(self.image),
            "paper_macs_ratio": ours.macs / theirs.macs,
            "macs_ratio": self.macs[0] / self.macs[1],
            "paper_latency_ratio": ours.milliseconds / theirs.milliseconds,
            "cycles_ratio": self.cycles and self.cycles[0] / self.cycles[1],
            "modelled_cycles": self.cycles and [round(cycles) for cycles in self.cycles],
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
    progress: Progress = lambda what, part: None,
) -> list[Comparison]:
    """Hold `claims` against armlet's networks; with `device`, compile each for its core and model its cycles.

    `progress` is told what is being done and which part of the whole is behind. What was compiled or counted
    before comes from the cache. Raises as `compile_model` and `SimulatedDevice.simulate` do.
    """
    sides = {side.variant: side for claim in claims for side in (claim.network, claim.baseline)}
    models = {variant: side.build() for variant, side in sides.items()}
    macs = {variant: count(model).macs for variant, model in models.items()}
    cycles, behind = {}, 0.0
    if device:
        for variant, model in models.items():
            share = macs[variant] / sum(macs.values())
            cycles[variant] = _cycles(model, device, _within(progress, variant, behind, share))
            behind += share
    return [
        Comparison(
            claim,
            picture_size(models[network].graph.inputs[0]),
            (macs[network], macs[baseline]),
            (cycles[network], cycles[baseline]) if device else None,
        )
        for claim in claims
        for network, baseline in [(claim.network.variant, claim.baseline.variant)]
    ]


def _cycles(model: ir.Model, device: SimulatedDevice, progress: Progress) -> float:
    """Compile `model` for the core of `device` and model an inference."""
    with tempfile.TemporaryDirectory(prefix="armlet-paper-") as folder:
        artifact = compile_model(
            model,
            Path(folder, "made"),
            device.core,
            progress=lambda what, part: progress(what, part * COMPILING),
        )
        progress("simulate", COMPILING)
        return device.simulate(artifact.library, artifact.sample[0]).cycles


def _within(progress: Progress, variant: str, behind: float, share: float) -> Progress:
    """Progress with one variant as that with all of them."""
    return lambda what, part: progress(f"{variant}: {what}", behind + share * part)
