"""The networks that armlet builds, by name: a backbone and a head, in a form for each source that has one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import onnx_ir as ir

from ..errors import UsageError
from . import (
    classification,
    lraspp,
    mnasnet_a1,
    mnasnet_small,
    mobilenet_v3_large,
    mobilenet_v3_small,
    raspp,
    ssdlite,
)
from .backbone import Backbone
from .builder import GraphBuilder
from .conventions import CONVENTIONS, SOURCES, Source
from .form import Form
from .frames import before_frames, frames
from .mnasnet import mnasnet
from .mobilenet_v2 import mobilenet_v2
from .mobilenet_v3 import mobilenet_v3
from .widths import Widths

# Even at width 4 a model then stays below the 2 GB that an ONNX file can hold.
MOST_CLASSES = 65_536
MOST_PIXELS = 4096
MOST_FILTERS = 4096
OUTPUT_STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class Published:
    """An accuracy in %, by a metric, and where it stands."""

    accuracy: float
    metric: str
    reference: str


@dataclass(frozen=True)
class Architecture:
    """A network: a backbone with defaults for the options that it knows, and a head.

    `published` is what is known of the paper's form, with the defaults.
    """

    task: Literal["classification", "segmentation", "detection"]
    backbone: Callable[..., Backbone]
    forms: Mapping[Source, Form]
    published: Published | None
    options: Mapping[str, Any] = field(default_factory=dict)


_LARGE = partial(
    mobilenet_v3, mobilenet_v3_large.TABLE, mobilenet_v3_large.LAST_CONV, mobilenet_v3_large.HEAD
)
_SMALL = partial(
    mobilenet_v3, mobilenet_v3_small.TABLE, mobilenet_v3_small.LAST_CONV, mobilenet_v3_small.HEAD
)
_A1 = partial(mnasnet, mnasnet_a1.TABLE, mnasnet_a1.STEM_CHANNELS)
_MNAS_SMALL = partial(mnasnet, mnasnet_small.TABLE, mnasnet_small.STEM_CHANNELS)
_TO_320 = partial(mobilenet_v2, last_conv=None)
_V2_SCALED = partial(mobilenet_v2, last_conv="scaled")
_A1_SCALED = partial(_A1, last_conv="scaled")

_FULL = {"reduced_tail": False}
_V3 = {"reduced_tail": False, "minimalistic": False}
_OF_MNASNET: Mapping[Source, Form] = {
    "paper": classification.FORMS["paper"],
    "timm": classification.FORMS["timm"],
}


def _in_table(number: int, accuracy: float, row: str = "") -> Published:
    """A figure of MobileNetV3's paper, by its table."""
    metric = {3: "ImageNet top-1", 6: "COCO mAP", 7: "Cityscapes mIoU"}[number]
    return Published(accuracy, metric, f"arXiv 1905.02244, table {number}{row}")


ARCHITECTURES: Mapping[str, Architecture] = {
    "mobilenet_v3_large": Architecture(
        "classification", _LARGE, classification.FORMS, _in_table(3, 75.2), _V3
    ),
    "mobilenet_v3_small": Architecture(
        "classification", _SMALL, classification.FORMS, _in_table(3, 67.4), _V3
    ),
    "mobilenet_v2": Architecture(
        "classification", mobilenet_v2, classification.FORMS, _in_table(3, 72.0), _FULL
    ),
    "mnasnet_a1": Architecture("classification", _A1, _OF_MNASNET, _in_table(3, 75.2)),
    "mnasnet_small": Architecture("classification", _MNAS_SMALL, _OF_MNASNET, _in_table(3, 64.9)),
    "lraspp_mobilenet_v3_large": Architecture(
        "segmentation", _LARGE, lraspp.FORMS, _in_table(7, 72.36, ", row 8"), _V3
    ),
    "lraspp_mobilenet_v3_small": Architecture(
        "segmentation", _SMALL, lraspp.FORMS, _in_table(7, 68.38, ", row 11"), _V3
    ),
    "lraspp_mobilenet_v2": Architecture(
        "segmentation", _TO_320, lraspp.FORMS, _in_table(7, 72.74, ", row 4"), _FULL
    ),
    "raspp_mobilenet_v3_large": Architecture(
        "segmentation", _LARGE, raspp.FORMS, _in_table(7, 72.64, ", row 5"), _V3
    ),
    "raspp_mobilenet_v3_small": Architecture("segmentation", _SMALL, raspp.FORMS, None, _V3),
    "raspp_mobilenet_v2": Architecture(
        "segmentation", _TO_320, raspp.FORMS, _in_table(7, 72.84, ", row 1"), _FULL
    ),
    "ssdlite_mobilenet_v3_large": Architecture("detection", _LARGE, ssdlite.FORMS, _in_table(6, 22.0), _V3),
    "ssdlite_mobilenet_v3_small": Architecture("detection", _SMALL, ssdlite.FORMS, _in_table(6, 16.0), _V3),
    "ssdlite_mobilenet_v2": Architecture("detection", _V2_SCALED, ssdlite.FORMS, _in_table(6, 22.1), _FULL),
    "ssdlite_mnasnet_a1": Architecture(
        "detection", _A1_SCALED, {"paper": ssdlite.FORMS["paper"]}, _in_table(6, 23.0)
    ),
}


def build(
    name: str,
    *,
    source: Source = "paper",
    width: float = 1.0,
    seed: int = 0,
    input_type: Literal["float32", "uint8"] = "float32",
    frame: tuple[int, int] | None = None,
    **options: Any,
) -> ir.Model:
    """Build network `name` as ONNX with random weights: from "image" [1, 3, H, W] to what its head gives.

    `source` says whose network: padding, epsilon, preprocessing and channels at other widths follow it, and
    the form of a head. With `input_type` "uint8" preprocessing is in the graph: "image" is [1, h, w, 3] in
    0..255, and `frame` its height and width, those of the network's own image if left out; boxes are in
    pixels of the frame. An option left out or None has the default of that form:

    - `resolution`: pixels of a square image, or (height, width)
    - `classes`
    - `output_stride`: 8, 16 or 32; how much smaller than the image the last map may be, by dilation
    - `reduced_tail`: half the channels from the last stride on
    - `minimalistic`: MobileNetV3 with no 5x5, no squeeze-excite and no h-swish
    - `filters`: the channels of a segmentation head
    - `argmax`: the best class of each pixel instead of all logits
    - `postprocess`: boxes decoded and overlaps suppressed, instead of logits and regressions

    Raises UsageError for an unknown name, or an option out of range or unknown to that network.
    """
    architecture, form = _find(name, source)
    defaults = {**architecture.options, **form.defaults}
    chosen = {**defaults, **_known(name, defaults, options)}
    size = _size(chosen.pop("resolution"))
    _check(width, size, seed, chosen)
    _check_input(input_type, frame)
    conventions = CONVENTIONS[source]
    described = {"name": name, "source": source, "width": width, "resolution": size, "seed": seed, **chosen}
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
    preprocessing = conventions.preprocessing(size, cropped=form.cropped, normalisation=form.normalisation)
    b.metadata = {
        "armlet.model": json.dumps(described),
        "armlet.weights": f"random, seed {seed}",
        "armlet.preprocessing": json.dumps(preprocessing),
    }
    if input_type == "uint8":
        frame = frame or size
        b.metadata["armlet.preprocessing"] = json.dumps(before_frames(preprocessing, frame, size))
        image = frames(b, "image", frame, size, form.normalisation or conventions.normalisation)
    else:
        image = b.input("image", [1, 3, *size])
    return b.model(form.head(b, image, backbone, **chosen))


def _find(name: str, source: Source) -> tuple[Architecture, Form]:
    if name not in ARCHITECTURES:
        raise UsageError(f"no model named {name!r}: expected one of {', '.join(ARCHITECTURES)}")
    if source not in SOURCES:
        raise UsageError(f"no source named {source!r}: expected one of {', '.join(SOURCES)}")
    architecture = ARCHITECTURES[name]
    if source not in architecture.forms:
        raise UsageError(f"{source} has no {name}: expected one of {', '.join(architecture.forms)}")
    return architecture, architecture.forms[source]


def _known(name: str, defaults: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are given; raises UsageError if the network `name` has no default for one."""
    given = {option: value for option, value in options.items() if value is not None}
    if unknown := given.keys() - defaults.keys():
        expected = ", ".join(["source", "width", "seed", *defaults])
        raise UsageError(f"{name} has no option {min(unknown)}: expected some of {expected}")
    return given


def _size(resolution: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width of the image."""
    return (resolution, resolution) if isinstance(resolution, int) else resolution


def _check_input(input_type: str, frame: tuple[int, int] | None) -> None:
    """Raise UsageError for an input that cannot be."""
    if input_type not in ("float32", "uint8"):
        raise UsageError(f"no input of type {input_type!r}: expected float32 or uint8")
    if frame and input_type != "uint8":
        raise UsageError("a frame is given, but the input is float32: only uint8 is resized in the graph")
    if frame and not all(1 <= pixels <= MOST_PIXELS for pixels in frame):
        raise UsageError(f"frame is {'x'.join(map(str, frame))}: expected 1 to {MOST_PIXELS} pixels")


def _check(width: float, size: tuple[int, int], seed: int, options: Mapping[str, Any]) -> None:
    """Raise UsageError for what is out of range."""
    if not 0.1 <= width <= 4:
        raise UsageError(f"width is {width:g}: expected a factor between 0.1 and 4")
    if not all(32 <= pixels <= MOST_PIXELS for pixels in size):
        shown = "x".join(map(str, dict.fromkeys(size)))
        raise UsageError(f"resolution is {shown}: expected 32 to {MOST_PIXELS} pixels")
    if not 1 <= options["classes"] <= MOST_CLASSES:
        raise UsageError(f"classes is {options['classes']}: expected 1 to {MOST_CLASSES}")
    if not 1 <= options.get("filters", 1) <= MOST_FILTERS:
        raise UsageError(f"filters is {options['filters']}: expected 1 to {MOST_FILTERS}")
    if options.get("output_stride", 32) not in OUTPUT_STRIDES:
        expected = ", ".join(map(str, OUTPUT_STRIDES))
        raise UsageError(f"output_stride is {options['output_stride']}: expected one of {expected}")
    if seed < 0:
        raise UsageError(f"seed is {seed}: expected 0 or more")
