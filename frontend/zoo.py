"""The networks that armlet builds, by name: a backbone, and a head for each source that has one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import onnx_ir as ir

from ..errors import UsageError
from . import mnasnet_a1, mnasnet_small, mobilenet_v3_large, mobilenet_v3_small
from .backbone import Backbone, Tail
from .builder import GraphBuilder
from .classification import classifier
from .conventions import CONVENTIONS, SOURCES, Source
from .mnasnet import mnasnet
from .mobilenet_v2 import mobilenet_v2
from .mobilenet_v3 import mobilenet_v3
from .widths import Widths

# Even at width 4 a model then stays below the 2 GB that an ONNX file can hold.
MOST_CLASSES = 65_536
MOST_PIXELS = 4096
OUTPUT_STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class Form:
    """A network as a source has it: the head and, for each option that it knows, the default.

    `reduced_tail` says what is halved where that option is given.
    """

    head: Callable[..., dict[str, ir.Value]]
    defaults: Mapping[str, Any]
    reduced_tail: Tail = "halved_behind"


@dataclass(frozen=True)
class Architecture:
    """A network with its published accuracy in %, by a metric, and where that is published."""

    task: Literal["classification", "segmentation", "detection"]
    backbone: Callable[..., Backbone]
    forms: Mapping[Source, Form]
    accuracy: float
    metric: str
    reference: str


_LARGE = partial(
    mobilenet_v3, mobilenet_v3_large.TABLE, mobilenet_v3_large.LAST_CONV, mobilenet_v3_large.HEAD
)
_SMALL = partial(
    mobilenet_v3, mobilenet_v3_small.TABLE, mobilenet_v3_small.LAST_CONV, mobilenet_v3_small.HEAD
)


def _classification(
    backbone: Callable[..., Backbone],
    accuracy: float,
    reference: str,
    sources: tuple[Source, ...] = SOURCES,
    **options: Any,
) -> Architecture:
    form = Form(classifier, {"resolution": 224, "classes": 1000, "output_stride": 32, **options})
    return Architecture(
        "classification", backbone, dict.fromkeys(sources, form), accuracy, "ImageNet top-1", reference
    )


ARCHITECTURES = {
    "mobilenet_v3_large": _classification(
        _LARGE, 75.2, "arXiv 1905.02244, table 3", reduced_tail=False, minimalistic=False
    ),
    "mobilenet_v3_small": _classification(
        _SMALL, 67.4, "arXiv 1905.02244, table 3", reduced_tail=False, minimalistic=False
    ),
    "mobilenet_v2": _classification(mobilenet_v2, 72.0, "arXiv 1801.04381, table 4", reduced_tail=False),
    "mnasnet_a1": _classification(
        partial(mnasnet, mnasnet_a1.TABLE, mnasnet_a1.STEM_CHANNELS),
        *(75.2, "arXiv 1905.02244, table 3", ("paper", "timm")),
    ),
    "mnasnet_small": _classification(
        partial(mnasnet, mnasnet_small.TABLE, mnasnet_small.STEM_CHANNELS),
        *(64.9, "arXiv 1905.02244, table 3", ("paper", "timm")),
    ),
}


def build(
    name: str, *, source: Source = "paper", width: float = 1.0, seed: int = 0, **options: Any
) -> ir.Model:
    """Build network `name` as ONNX with random weights: from "image" [1, 3, H, W] to what its head gives.

    `source` says whose network: padding, epsilon, preprocessing and channels at other widths follow it, and
    the form of a head. An option left out or None has the default of that form:

    - `resolution`: pixels of a square image, or (height, width)
    - `classes`
    - `output_stride`: 8, 16 or 32; how much smaller than the image the last map may be, by dilation
    - `reduced_tail`: half the channels from the last stride on
    - `minimalistic`: MobileNetV3 with no 5x5, no squeeze-excite and no h-swish

    Raises UsageError for an unknown name, or an option out of range or unknown to that network.
    """
    architecture, form = _find(name, source)
    chosen = {**form.defaults, **_known(name, form, options)}
    size = _size(chosen.pop("resolution"))
    _check(width, size, seed, chosen)
    conventions = CONVENTIONS[source]
    metadata = {
        "armlet.model": json.dumps(
            {"name": name, "source": source, "width": width, "resolution": size, "seed": seed, **chosen}
        ),
        "armlet.weights": f"random, seed {seed}",
        "armlet.preprocessing": json.dumps(conventions.preprocessing(size)),
    }
    variant = {"minimalistic": chosen.pop("minimalistic")} if "minimalistic" in chosen else {}
    if chosen.pop("reduced_tail", False):
        variant["tail"] = form.reduced_tail
    backbone = architecture.backbone(Widths(width, conventions.width_rule), **variant)
    b = GraphBuilder(
        name,
        batch_norm_epsilon=conventions.batch_norm_epsilon or backbone.batch_norm_epsilon,
        padding=conventions.padding,
        seed=seed,
    )
    image = b.input("image", [1, 3, *size])
    return b.model(form.head(b, image, backbone, **chosen), metadata)


def _find(name: str, source: Source) -> tuple[Architecture, Form]:
    if name not in ARCHITECTURES:
        raise UsageError(f"no model named {name!r}: expected one of {', '.join(ARCHITECTURES)}")
    if source not in SOURCES:
        raise UsageError(f"no source named {source!r}: expected one of {', '.join(SOURCES)}")
    architecture = ARCHITECTURES[name]
    if source not in architecture.forms:
        raise UsageError(f"{source} has no {name}: expected one of {', '.join(architecture.forms)}")
    return architecture, architecture.forms[source]


def _known(name: str, form: Form, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are given; raises UsageError if `form` of the network `name` does not know one."""
    given = {option: value for option, value in options.items() if value is not None}
    if unknown := given.keys() - form.defaults.keys():
        expected = ", ".join(["source", "width", "seed", *form.defaults])
        raise UsageError(f"{name} has no option {min(unknown)}: expected some of {expected}")
    return given


def _size(resolution: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width of the image."""
    return (resolution, resolution) if isinstance(resolution, int) else resolution


def _check(width: float, size: tuple[int, int], seed: int, options: Mapping[str, Any]) -> None:
    """Raise UsageError for what is out of range."""
    if not 0.1 <= width <= 4:
        raise UsageError(f"width is {width:g}: expected a factor between 0.1 and 4")
    if not all(32 <= pixels <= MOST_PIXELS for pixels in size):
        shown = "x".join(map(str, dict.fromkeys(size)))
        raise UsageError(f"resolution is {shown}: expected 32 to {MOST_PIXELS} pixels")
    if not 1 <= options["classes"] <= MOST_CLASSES:
        raise UsageError(f"classes is {options['classes']}: expected 1 to {MOST_CLASSES}")
    if options.get("output_stride", 32) not in OUTPUT_STRIDES:
        expected = ", ".join(map(str, OUTPUT_STRIDES))
        raise UsageError(f"output_stride is {options['output_stride']}: expected one of {expected}")
    if seed < 0:
        raise UsageError(f"seed is {seed}: expected 0 or more")
