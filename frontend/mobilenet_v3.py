"""What MobileNetV3-Large and -Small share: everything but their tables (arXiv 1905.02244, section 5)."""

from collections.abc import Sequence

from .backbone import Backbone, Bottleneck, Tail, blocks_at, halved
from .widths import Widths

# TF-slim and torchvision.
BATCH_NORM_EPSILON = 1e-3
STEM_CHANNELS = 16


def mobilenet_v3(
    table: Sequence[Bottleneck],
    last_conv: int,
    head: int,
    widths: Widths,
    tail: Tail = "full",
    *,
    minimalistic: bool = False,
) -> Backbone:
    """The network of `table` at a width.

    `minimalistic` replaces 5x5 by 3x3 and h-swish by ReLU, and leaves squeeze-excite out (TF-slim).
    """
    if minimalistic:
        table = [row._replace(kernel=3, squeeze_excite=False, activation="relu") for row in table]
    if tail != "full":
        table, last_conv, head = halved(table, tail), last_conv // 2, head // 2
    blocks = blocks_at(widths, STEM_CHANNELS, table, lambda _, expanded: widths.squeezed(expanded))
    return Backbone(
        widths=widths,
        stem=widths.stem(STEM_CHANNELS),
        blocks=blocks,
        last=widths.last_conv(last_conv, blocks[-1].channels),
        head=widths.head(head),
        activation="relu" if minimalistic else "hard_swish",
        batch_norm_epsilon=BATCH_NORM_EPSILON,
    )
