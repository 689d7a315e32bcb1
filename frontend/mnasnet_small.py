"""MnasNet-small: the small network of the MnasNet authors' code; timm's `mnasnet_small`."""

from .backbone import sequences

STEM_CHANNELS = 8

# kernel, expansion factor, channels, squeeze-excite, repeats, stride of the first
TABLE = sequences(
    STEM_CHANNELS,
    "relu",
    [
        (3, 1, 8, False, 1, 1),
        (3, 3, 16, False, 1, 2),
        (3, 6, 16, False, 2, 2),
        (5, 6, 32, True, 4, 2),
        (3, 6, 32, True, 3, 1),
        (5, 6, 88, True, 3, 2),
        (3, 6, 144, False, 1, 1),
    ],
)
