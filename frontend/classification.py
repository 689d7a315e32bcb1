"""The head that names a picture: the mean over the map, a layer where the network has one, the classes."""

import onnx_ir as ir

from .backbone import Backbone, extract
from .builder import GraphBuilder


def classifier(
    b: GraphBuilder, image: ir.Value, backbone: Backbone, *, classes: int, output_stride: int
) -> dict[str, ir.Value]:
    """From `image` [1, 3, H, W] to "logits" [1, classes]; strides are taken back as torchvision does."""
    x = extract(b, image, backbone.dilated(output_stride, "torchvision")).last
    with b.scope("head"):
        x = b.flatten(b.global_average_pool(x))
        if backbone.head:
            x = b.activation(b.linear(x, backbone.head), backbone.activation)
    with b.scope("classifier"):
        return {"logits": b.linear(x, classes)}
