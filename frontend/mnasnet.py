"""What MnasNet-A1 and -small share: everything but their tables (arXiv 1807.11626, and timm's form of it)."""

from collections.abc import Sequence
from typing import Literal

from .backbone import Backbone, Bottleneck, blocks_at
from .widths import Widths

BATCH_NORM_EPSILON = 1e-5  # timm
LAST_CONV = 1280


def mnasnet(
    table: Sequence[Bottleneck], stem: int, widths: Widths, *, last_conv: Literal["kept", "scaled"] = "kept"
) -> Backbone:
    """The network of `table`, behind `stem` channels, at a width; timm never scales the last convolution.

    For detection it is "scaled", as MobileNetV2's. Squeeze-excite has a quarter of the channels that go into
    its block, not of the expanded ones, and the sigmoid as its gate.
    """
    widths = Widths(widths.width, "paper")  # Every source has one rule for this network.
    return Backbone(
        widths=widths,
        stem=widths.stem(stem),
        blocks=blocks_at(widths, stem, table, lambda channels_in, _: round(channels_in / 4)),
        last=widths.channels(LAST_CONV) if last_conv == "scaled" else LAST_CONV,
        head=None,
        activation="relu",
        batch_norm_epsilon=BATCH_NORM_EPSILON,
        gate="sigmoid",
    )
