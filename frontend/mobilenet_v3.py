"""What MobileNetV3-Large and -Small share: everything but their tables (arXiv 1905.02244, section 5)."""

from collections.abc import Sequence
from typing import NamedTuple

import onnx_ir as ir

from .blocks import conv_bn_act, inverted_residual
from .builder import Activation, GraphBuilder
from .conventions import Conventions
from .widths import Widths

# TF-slim and torchvision.
BATCH_NORM_EPSILON = 1e-3
STEM_CHANNELS = 16


class Bottleneck(NamedTuple):
    """A row of the paper's tables 1 and 2."""

    kernel: int
    expanded: int
    channels: int
    squeeze_excite: bool
    hard_swish: bool
    stride: int


def mobilenet_v3(
    name: str,
    table: Sequence[Bottleneck],
    last_conv: int,
    head: int,
    *,
    width: float,
    resolution: int,
    classes: int,
    minimalistic: bool,
    conventions: Conventions,
    seed: int,
    metadata: dict[str, str],
) -> ir.Model:
    """Build the network of `table`: image [1, 3, resolution, resolution] to logits [1, classes].

    `minimalistic` replaces 5x5 by 3x3 and h-swish by ReLU, and leaves squeeze-excite out (TF-slim).
    """
    b = GraphBuilder(
        name,
        batch_norm_epsilon=conventions.batch_norm_epsilon or BATCH_NORM_EPSILON,
        padding=conventions.padding,
        seed=seed,
    )
    widths = Widths(width, conventions.width_rule)
    swish: Activation = "relu" if minimalistic else "hard_swish"

    x = b.input("image", [1, 3, resolution, resolution])
    channels = widths.stem(STEM_CHANNELS)
    with b.scope("stem"):
        x = conv_bn_act(b, x, channels, swish, kernel=3, stride=2)

    table_in = STEM_CHANNELS
    for number, row in enumerate(table, start=1):
        expanded = widths.expanded(row.expanded, table_in, channels)
        channels = widths.channels(row.channels)
        with b.scope(f"block{number}"):
            x = inverted_residual(
                b,
                x,
                channels,
                expanded=expanded,
                kernel=3 if minimalistic else row.kernel,
                stride=row.stride,
                activation=swish if row.hard_swish else "relu",
                squeezed=widths.squeezed(expanded) if row.squeeze_excite and not minimalistic else None,
            )
        table_in = row.channels

    with b.scope("last"):
        x = conv_bn_act(b, x, widths.last_conv(last_conv, channels), swish)
    with b.scope("head"):
        x = b.flatten(b.global_average_pool(x))
        x = b.activation(b.linear(x, widths.head(head)), swish)
    with b.scope("classifier"):
        x = b.linear(x, classes)
    return b.model(x, metadata)
