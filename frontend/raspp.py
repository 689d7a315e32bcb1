"""R-ASPP, the segmentation head that LR-ASPP is measured by (arXiv 1905.02244, section 6.4).

Two branches on the last map, a 1x1 convolution and one of the mean over the map, joined by another.
"""

import onnx_ir as ir

from .backbone import Backbone, extract
from .blocks import conv_bn_act
from .builder import GraphBuilder
from .conventions import HALVES, Source
from .form import Form
from .segmentation import CITYSCAPES, pixels_named
from .shapes import shape_of


def raspp(
    b: GraphBuilder,
    image: ir.Value,
    backbone: Backbone,
    *,
    classes: int,
    filters: int,
    output_stride: int,
    argmax: bool,
) -> dict[str, ir.Value]:
    """From `image` [1, 3, H, W] to what `pixels_named` gives."""
    x = extract(b, image, backbone.dilated(output_stride, "paper")).last
    with b.scope("head"):
        with b.scope("features"):
            features = conv_bn_act(b, x, filters, "relu")
        with b.scope("pooled"):
            pooled = conv_bn_act(b, b.global_average_pool(x), filters, "relu")
            pooled = b.resize(pooled, shape_of(x)[2:])
        with b.scope("join"):
            x = conv_bn_act(b, b.concat([features, pooled]), filters, "relu")
    with b.scope("classifier"):
        x = b.conv(x, classes, bias=True)
    return pixels_named(b, x, image, argmax=argmax)


FORMS: dict[Source, Form] = {
    "paper": Form(
        raspp, {**CITYSCAPES, "filters": 256, "reduced_tail": False}, "halved", normalisation=HALVES
    )
}
