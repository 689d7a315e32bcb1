"""MnasNet-A1: figure 7 of arXiv 1807.11626; timm's `semnasnet_100`."""

from .backbone import sequences

STEM_CHANNELS = 32

# kernel, expansion factor, channels, squeeze-excite, repeats, stride of the first
TABLE = sequences(
    STEM_CHANNELS,
    "relu",
    [
        (3, 1, 16, False, 1, 1),
        (3, 6, 24, False, 2, 2),
        (5, 3, 40, True, 3, 2),
        (3, 6, 80, False, 4, 2),
        (3, 6, 112, True, 2, 1),
        (5, 6, 160, True, 3, 2),
        (3, 6, 320, False, 1, 1),
    ],
)
