"""MobileNetV2: table 2 of arXiv 1801.04381."""

import onnx_ir as ir

from .blocks import conv_bn_act, inverted_residual
from .builder import GraphBuilder
from .conventions import Conventions
from .widths import round8

BATCH_NORM_EPSILON = 1e-5  # torchvision
STEM_CHANNELS = 32
LAST_CONV = 1280

# t (expansion factor), c (channels), n (repeats), s (stride of the first)
TABLE = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


def mobilenet_v2(
    *,
    width: float,
    resolution: int,
    classes: int,
    conventions: Conventions,
    seed: int,
    metadata: dict[str, str],
) -> ir.Model:
    """Build the network: image [1, 3, resolution, resolution] to logits [1, classes].

    Below width 1 the last convolution is not scaled (paper, section 4; torchvision).
    """
    b = GraphBuilder(
        "mobilenet_v2",
        batch_norm_epsilon=conventions.batch_norm_epsilon or BATCH_NORM_EPSILON,
        padding=conventions.padding,
        seed=seed,
    )
    x = b.input("image", [1, 3, resolution, resolution])
    channels = round8(STEM_CHANNELS * width)
    with b.scope("stem"):
        x = conv_bn_act(b, x, channels, "relu6", kernel=3, stride=2)

    strides = [(t, c, s if first else 1) for t, c, n, s in TABLE for first in [True] + [False] * (n - 1)]
    for number, (factor, table_channels, stride) in enumerate(strides, start=1):
        expanded = factor * channels
        channels = round8(table_channels * width)
        with b.scope(f"block{number}"):
            x = inverted_residual(
                b, x, channels, expanded=expanded, kernel=3, stride=stride, activation="relu6"
            )

    with b.scope("last"):
        x = conv_bn_act(b, x, round8(LAST_CONV * max(width, 1.0)), "relu6")
    with b.scope("head"):
        x = b.flatten(b.global_average_pool(x))
    with b.scope("classifier"):
        x = b.linear(x, classes)
    return b.model(x, metadata)
