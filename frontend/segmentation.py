"""Networks that name each pixel: what the segmentation heads share."""

import onnx_ir as ir

from .builder import GraphBuilder
from .shapes import shape_of

# Defaults: the paper's set at half its size, and torchvision's.
CITYSCAPES = {"resolution": (512, 1024), "classes": 19, "output_stride": 16, "argmax": False}
VOC = {"resolution": 520, "classes": 21, "output_stride": 16, "argmax": False}


def pixels_named(b: GraphBuilder, logits: ir.Value, image: ir.Value, *, argmax: bool) -> dict[str, ir.Value]:
    """Resize `logits` [1, classes, h, w] to the size of `image`.

    They are "logits" [1, classes, H, W]; with `argmax` only the best of each pixel, "classes" [1, H, W].
    """
    logits = b.resize(logits, shape_of(image)[2:], name="upsample")
    return {"classes": b.argmax(logits)} if argmax else {"logits": logits}
