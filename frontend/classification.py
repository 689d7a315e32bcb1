"""The head that names a picture: the mean over the map, a layer where the network has one, the classes."""

from functools import partial

import onnx_ir as ir

from .backbone import Backbone, DilationRule, extract
from .builder import GraphBuilder
from .conventions import SOURCES
from .form import Form


def classifier(
    b: GraphBuilder,
    image: ir.Value,
    backbone: Backbone,
    *,
    rule: DilationRule,
    classes: int,
    output_stride: int,
) -> dict[str, ir.Value]:
    """From `image` [1, 3, H, W] to "logits" [1, classes]."""
    x = extract(b, image, backbone.dilated(output_stride, rule)).last
    with b.scope("head"):
        x = b.flatten(b.global_average_pool(x))
        if backbone.head:
            x = b.activation(b.linear(x, backbone.head), backbone.activation)
    with b.scope("classifier"):
        return {"logits": b.linear(x, classes)}


def _form(rule: DilationRule) -> Form:
    defaults = {"resolution": 224, "classes": 1000, "output_stride": 32}
    return Form(partial(classifier, rule=rule), defaults, cropped=True)


# Only torchvision has a rule of its own.
FORMS = {source: _form("torchvision" if source == "torchvision" else "paper") for source in SOURCES}
