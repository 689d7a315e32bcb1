"""LR-ASPP, the segmentation head of MobileNetV3 (section 6.4 of arXiv 1905.02244), in two forms.

Both gate the last map by means of itself, and add the logits of a map 8 times smaller than the image. The
paper's means are of large windows, its skip is the depthwise output of the last block at that size; in
torchvision there is one mean over the map, and the skip is the output of the first block there.
"""

import onnx_ir as ir

from .backbone import Backbone, extract
from .blocks import conv_bn_act
from .builder import GraphBuilder
from .conventions import HALVES, Source
from .form import Form
from .segmentation import CITYSCAPES, VOC, pixels_named
from .shapes import shape_of

SKIP_REDUCTION = 8
# The paper's windows (figure 10), on a map 16 times smaller than the image.
WINDOW = 49
WINDOW_STRIDES = (16, 20)
WINDOW_REDUCTION = 16
TORCHVISION_EPSILON = 1e-5  # Of the head; its backbone has another.


def lraspp(
    b: GraphBuilder,
    image: ir.Value,
    backbone: Backbone,
    *,
    classes: int,
    filters: int,
    output_stride: int,
    argmax: bool,
) -> dict[str, ir.Value]:
    """The paper's form: `image` [1, 3, H, W] to what `pixels_named` gives.

    On a small map a window is the map; at another output stride windows cover as much of the image.
    """
    features = extract(b, image, backbone.dilated(output_stride, "paper"))
    size = shape_of(features.last)[2:]
    window = WINDOW * WINDOW_REDUCTION // output_stride | 1
    height, width = (min(window, pixels) for pixels in size)
    rows, columns = (stride * WINDOW_REDUCTION // output_stride for stride in WINDOW_STRIDES)
    with b.scope("head"):
        with b.scope("features"):
            high = conv_bn_act(b, features.last, filters, "relu")
        with b.scope("gate"):
            means = b.average_pool(features.last, (height, width), (rows, columns))
            gate = b.resize(b.activation(b.conv(means, filters, bias=True), "sigmoid"), size)
        high = b.scale(high, gate)
    skip = [block.filtered for block in features.at(SKIP_REDUCTION)][-1]
    return pixels_named(b, _with_skip(b, high, skip, classes), image, argmax=argmax)


def lraspp_torchvision(
    b: GraphBuilder,
    image: ir.Value,
    backbone: Backbone,
    *,
    classes: int,
    filters: int,
    output_stride: int,
    argmax: bool,
) -> dict[str, ir.Value]:
    """Torchvision's form: `image` [1, 3, H, W] to what `pixels_named` gives."""
    features = extract(b, image, backbone.dilated(output_stride, "torchvision"))
    b.batch_norm_epsilon = TORCHVISION_EPSILON
    with b.scope("head"):
        with b.scope("features"):
            high = conv_bn_act(b, features.last, filters, "relu")
        with b.scope("gate"):
            gate = b.activation(b.conv(b.global_average_pool(features.last), filters), "sigmoid")
        high = b.scale(high, gate)
    skip = features.at(SKIP_REDUCTION)[0].output
    return pixels_named(b, _with_skip(b, high, skip, classes), image, argmax=argmax)


def _with_skip(b: GraphBuilder, high: ir.Value, skip: ir.Value, classes: int) -> ir.Value:
    """The logits of `high`, resized, plus those of `skip`."""
    with b.scope("classifier"):
        with b.scope("high"):
            resized = b.resize(high, shape_of(skip)[2:])
            high = b.conv(resized, classes, bias=True)
        with b.scope("skip"):
            skip = b.conv(skip, classes, bias=True)
        return b.add(high, skip)


FORMS: dict[Source, Form] = {
    "paper": Form(
        lraspp, {**CITYSCAPES, "filters": 128, "reduced_tail": True}, "halved", normalisation=HALVES
    ),
    "torchvision": Form(lraspp_torchvision, {**VOC, "filters": 128, "reduced_tail": False}),
}
