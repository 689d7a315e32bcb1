"""MobileNetV2: table 2 of arXiv 1801.04381."""

from typing import Literal

from .backbone import Backbone, Tail, blocks_at, halved, sequences
from .widths import Widths, round8

BATCH_NORM_EPSILON = 1e-5  # torchvision
STEM_CHANNELS = 32
LAST_CONV = 1280

# kernel, expansion factor, channels, squeeze-excite, repeats, stride of the first
TABLE = sequences(
    STEM_CHANNELS,
    "relu6",
    [
        (3, 1, 16, False, 1, 1),
        (3, 6, 24, False, 2, 2),
        (3, 6, 32, False, 3, 2),
        (3, 6, 64, False, 4, 2),
        (3, 6, 96, False, 3, 1),
        (3, 6, 160, False, 3, 2),
        (3, 6, 320, False, 1, 1),
    ],
)


def mobilenet_v2(
    widths: Widths, tail: Tail = "full", *, last_conv: Literal["kept", "scaled"] | None = "kept"
) -> Backbone:
    """The network at a width; below 1 the last convolution is "kept" (paper, section 4; torchvision).

    Detection has it "scaled", by which the paper's parameters come out (1905.02244, table 6); segmentation
    leaves it out (DeepLab). Where the tail is halved, the expansion in front of its stride never is: so the
    MAdds of table 7 come out.
    """
    widths = Widths(widths.width, "paper")  # Every source has one rule for this network.
    table = TABLE if tail == "full" else halved(TABLE, "halved_behind")
    last = LAST_CONV if tail == "full" else LAST_CONV // 2
    least = 1.0 if last_conv == "kept" else 0.0
    return Backbone(
        widths=widths,
        stem=widths.stem(STEM_CHANNELS),
        blocks=blocks_at(widths, STEM_CHANNELS, table),
        last=round8(last * max(widths.width, least)) if last_conv else None,
        head=None,
        activation="relu6",
        batch_norm_epsilon=BATCH_NORM_EPSILON,
    )
