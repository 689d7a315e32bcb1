"""SSDLite, the detection head of MobileNetV2 and V3 (arXiv 1801.04381, section 6.2; 1905.02244, section 6.3).

Six maps: the expansion in front of the last stride (16 times smaller than the image), the last map, and four
more, each half as large as the one before. On each map two small networks say which class and which box.
"""

import json
from collections.abc import Sequence
from functools import partial

import onnx_ir as ir

from .anchors import DefaultBoxes
from .backbone import Backbone, extract
from .blocks import conv_bn_act
from .builder import GraphBuilder
from .conventions import HALVES, Source
from .detections import Suppression, detect
from .form import Form
from .shapes import shape_of

EXTRA_CHANNELS = (512, 256, 256, 128)
EPSILON = 1e-3  # torchvision and TF, of the backbone too.


def ssdlite(
    b: GraphBuilder,
    image: ir.Value,
    backbone: Backbone,
    *,
    boxes: DefaultBoxes,
    suppression: Suppression,
    scaled_extras: bool,
    classes: int,
    postprocess: bool,
) -> dict[str, ir.Value]:
    """From `image` [1, 3, H, W] to detections; `classes` counts the background, which is class 0.

    With `scaled_extras` the four maps behind the network's have its width (by which the parameters of
    1905.02244's table 6 come out), else always the same. With `postprocess` it ends in what `detect` gives,
    else in "class_logits" [1, boxes, classes] and "box_regression" [1, boxes, 4]; what then is left to do is
    in the metadata "armlet.detection".
    """
    b.batch_norm_epsilon = EPSILON
    scaled = backbone.widths.channels if scaled_extras else int
    maps = _maps(b, image, backbone, [scaled(channels) for channels in EXTRA_CHANNELS])
    sizes = [(height, width) for _, _, height, width in map(shape_of, maps)]
    predicted = {}
    for part, columns in (("class", classes), ("box", 4)):
        rows = [
            _predict(b, x, f"predict{number}", part, columns, boxes_a_cell)
            for number, (x, boxes_a_cell) in enumerate(zip(maps, boxes.a_cell, strict=True), start=1)
        ]
        with b.scope(f"predict/{part}"):
            predicted[part] = b.concat(rows)
    b.metadata["armlet.detection"] = json.dumps(
        {"maps": sizes, "boxes": boxes._asdict(), "suppression": suppression._asdict()}
    )
    if not postprocess:
        return {"class_logits": predicted["class"], "box_regression": predicted["box"]}
    height, width = b.picture_size
    with b.scope("detect"):
        return detect(
            b, predicted["class"], predicted["box"], boxes.on(sizes), suppression, height=height, width=width
        )


def _maps(b: GraphBuilder, image: ir.Value, backbone: Backbone, extras: Sequence[int]) -> Sequence[ir.Value]:
    """The six maps, largest first."""
    features = extract(b, image, backbone)
    maps = [features.blocks[backbone.last_stride].expanded, features.last]
    for number, channels in enumerate(extras, start=1):
        with b.scope(f"extra{number}"):
            with b.scope("reduce"):
                x = conv_bn_act(b, maps[-1], channels // 2, "relu6")
            with b.scope("depthwise"):
                x = conv_bn_act(b, x, channels // 2, "relu6", kernel=3, stride=2, groups=channels // 2)
            with b.scope("expand"):
                maps.append(conv_bn_act(b, x, channels, "relu6"))
    return maps


def _predict(b: GraphBuilder, x: ir.Value, scope: str, part: str, columns: int, boxes: int) -> ir.Value:
    """`columns` numbers for each of the `boxes` in each cell of `x`: [1, cells * boxes, columns]."""
    channels = shape_of(x)[1]
    with b.scope(f"{scope}/{part}"):
        with b.scope("depthwise"):
            x = conv_bn_act(b, x, channels, "relu6", kernel=3, groups=channels)
        return b.rows(b.conv(x, boxes * columns, bias=True), columns)


_PAPER = partial(
    ssdlite,
    boxes=DefaultBoxes(reduced_first=True, clipped=False),
    suppression=Suppression("sigmoid", score_threshold=1e-8, iou_threshold=0.6, detections=100),
    scaled_extras=True,
)
_TORCHVISION = partial(
    ssdlite,
    boxes=DefaultBoxes(reduced_first=False, clipped=True),
    suppression=Suppression("softmax", score_threshold=0.001, iou_threshold=0.55, detections=300),
    scaled_extras=False,
)
_COCO = {"resolution": 320, "classes": 91, "postprocess": True}

FORMS: dict[Source, Form] = {
    "paper": Form(_PAPER, _COCO, normalisation=HALVES),
    "torchvision": Form(_TORCHVISION, {**_COCO, "reduced_tail": True}, normalisation=HALVES),
}
