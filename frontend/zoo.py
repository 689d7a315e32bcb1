"""The networks that armlet builds, by name."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import onnx_ir as ir

from ..errors import UsageError
from . import mobilenet_v3_large, mobilenet_v3_small
from .conventions import CONVENTIONS, SOURCES, Source
from .mobilenet_v2 import mobilenet_v2
from .mobilenet_v3 import mobilenet_v3

# Even at width 4 a model then stays below the 2 GB that an ONNX file can hold.
MOST_CLASSES = 65_536


@dataclass(frozen=True)
class Architecture:
    """A network with its published ImageNet accuracy (top-1, %, width 1, 224 pixels) and the source."""

    build: Callable[..., ir.Model]
    published_top1: float
    source: str
    has_minimalistic: bool = False


ARCHITECTURES = {
    "mobilenet_v3_large": Architecture(
        partial(
            mobilenet_v3,
            "mobilenet_v3_large",
            mobilenet_v3_large.TABLE,
            mobilenet_v3_large.LAST_CONV,
            mobilenet_v3_large.HEAD,
        ),
        75.2,
        "arXiv 1905.02244, table 3",
        has_minimalistic=True,
    ),
    "mobilenet_v3_small": Architecture(
        partial(
            mobilenet_v3,
            "mobilenet_v3_small",
            mobilenet_v3_small.TABLE,
            mobilenet_v3_small.LAST_CONV,
            mobilenet_v3_small.HEAD,
        ),
        67.4,
        "arXiv 1905.02244, table 3",
        has_minimalistic=True,
    ),
    "mobilenet_v2": Architecture(mobilenet_v2, 72.0, "arXiv 1801.04381, table 4"),
}


def build(
    name: str,
    *,
    width: float = 1.0,
    resolution: int = 224,
    classes: int = 1000,
    minimalistic: bool = False,
    source: Source = "paper",
    seed: int = 0,
) -> ir.Model:
    """Build network `name` as ONNX with random weights: image [1, 3, resolution, resolution] to logits.

    `source` says whose network: padding, epsilon, preprocessing and channels at other widths follow it.

    Raises UsageError for an unknown name, or an option out of range or unknown to that network.
    """
    if name not in ARCHITECTURES:
        raise UsageError(f"no model named {name!r}: expected one of {', '.join(ARCHITECTURES)}")
    if source not in CONVENTIONS:
        raise UsageError(f"no source named {source!r}: expected one of {', '.join(SOURCES)}")
    architecture = ARCHITECTURES[name]
    if minimalistic and not architecture.has_minimalistic:
        raise UsageError(f"{name} has no minimalistic form: leave --minimalistic out")
    if not 0.1 <= width <= 4:
        raise UsageError(f"width is {width:g}: expected a factor between 0.1 and 4")
    if not 32 <= resolution <= 2048:
        raise UsageError(f"resolution is {resolution}: expected 32 to 2048 pixels")
    if not 1 <= classes <= MOST_CLASSES:
        raise UsageError(f"classes is {classes}: expected 1 to {MOST_CLASSES}")
    if seed < 0:
        raise UsageError(f"seed is {seed}: expected 0 or more")
    options: dict[str, Any] = {"width": width, "resolution": resolution, "classes": classes, "seed": seed}
    if architecture.has_minimalistic:
        options["minimalistic"] = minimalistic
    conventions = CONVENTIONS[source]
    metadata = {
        "armlet.model": json.dumps({"name": name, "source": source, **options}),
        "armlet.weights": f"random, seed {seed}",
        "armlet.preprocessing": json.dumps(conventions.preprocessing(resolution)),
    }
    return architecture.build(**options, conventions=conventions, metadata=metadata)
