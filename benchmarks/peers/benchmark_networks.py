"""The networks of ncnn's benchmark program, which are not the papers': described after its graphs.

V2 expands its first block by 1, with a convolution. V3 pools the gate before the activation, keeps the large
map in the first block of 160 channels, and squeezes to a quarter of the channels without rounding.
"""

from collections.abc import Callable

import onnx_ir as ir

from armlet.frontend.backbone import Bottleneck
from armlet.frontend.blocks import conv_bn_act
from armlet.frontend.builder import GraphBuilder
from armlet.frontend.mobilenet_v2 import TABLE as V2_TABLE
from armlet.frontend.mobilenet_v3_large import TABLE as LARGE
from armlet.frontend.shapes import shape_of

from .peer import Network

CLASSES = 1000

# The first block of 160 channels keeps the large map, and the second strides.
V3_TABLE = (*LARGE[:12], LARGE[12]._replace(stride=1), *LARGE[12:14])


def mobilenet_v2() -> ir.Model:
    """Image [1, 3, 224, 224] to logits [1, 1000]; ncnn's graph has a softmax after them."""
    b, x = _start("ncnn_mobilenet_v2")
    x = _scoped(b, "stem", lambda: conv_bn_act(b, x, 32, "relu", kernel=3, stride=2))
    for number, row in enumerate(V2_TABLE, start=1):
        x = _block(b, x, f"block{number}", row._replace(activation="relu"), always_expand=True)
    x = _scoped(b, "last", lambda: conv_bn_act(b, x, 1280, "relu"))
    return _finish(b, b.flatten(b.global_average_pool(x)))


def mobilenet_v3() -> ir.Model:
    """Image [1, 3, 224, 224] to logits [1, 1000]; ncnn's graph has a softmax after them."""
    b, x = _start("ncnn_mobilenet_v3")
    x = _scoped(b, "stem", lambda: conv_bn_act(b, x, 16, "hard_swish", kernel=3, stride=2))
    for number, row in enumerate(V3_TABLE, start=1):
        x = _block(b, x, f"block{number}", row)
    x = _scoped(b, "last", lambda: conv_bn_act(b, x, 960, "hard_swish"))
    with b.scope("head"):
        x = b.flatten(b.activation(b.global_average_pool(x), "hard_swish", "pooled"))
        x = b.activation(b.linear(x, 1280), "hard_swish")
    return _finish(b, x)


NETWORKS = {
    "v2": Network("ncnn_mobilenet_v2", mobilenet_v2),
    "v3": Network("ncnn_mobilenet_v3", mobilenet_v3),
}


def _start(name: str) -> tuple[GraphBuilder, ir.Value]:
    b = GraphBuilder(name, batch_norm_epsilon=1e-5)
    return b, b.input("image", [1, 3, 224, 224])


def _scoped(b: GraphBuilder, name: str, build: Callable[[], ir.Value]) -> ir.Value:
    with b.scope(name):
        return build()


def _finish(b: GraphBuilder, x: ir.Value) -> ir.Model:
    return b.model({"logits": _scoped(b, "classifier", lambda: b.linear(x, CLASSES))})


def _block(
    b: GraphBuilder, x: ir.Value, name: str, row: Bottleneck, *, always_expand: bool = False
) -> ir.Value:
    channels_in = shape_of(x)[1]
    y = x
    with b.scope(name):
        if always_expand or row.expanded != channels_in:
            with b.scope("expand"):
                y = conv_bn_act(b, y, row.expanded, row.activation)
        with b.scope("depthwise"):
            y = conv_bn_act(b, y, row.expanded, None, row.kernel, row.stride, groups=row.expanded)
        if row.squeeze_excite:
            y = b.squeeze_excite(y, row.expanded // 4)
        y = b.activation(y, row.activation)
        with b.scope("project"):
            y = conv_bn_act(b, y, row.channels, None)
        return b.add(x, y) if row.stride == 1 and channels_in == row.channels else y
