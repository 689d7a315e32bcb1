"""MobileNetV2: table 2 of arXiv 1801.04381."""

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


def mobilenet_v2(widths: Widths, tail: Tail = "full", *, last_conv: bool = True) -> Backbone:
    """The network at a width; below 1 the last convolution is not scaled (paper, section 4; torchvision).

    Segmentation leaves that convolution out (DeepLab). Where the tail is halved, the expansion in front of
    its stride never is: so the MAdds of 1905.02244's table 7 come out.
    """
    widths = Widths(widths.width, "paper")  # Every source has one rule for this network.
    table = TABLE if tail == "full" else halved(TABLE, "halved_behind")
    last = LAST_CONV if tail == "full" else LAST_CONV // 2
    return Backbone(
        stem=widths.stem(STEM_CHANNELS),
        blocks=blocks_at(widths, STEM_CHANNELS, table),
        last=round8(last * max(widths.width, 1.0)) if last_conv else None,
        head=None,
        activation="relu6",
        batch_norm_epsilon=BATCH_NORM_EPSILON,
    )
