"""MobileNetV3-Large: table 1 of arXiv 1905.02244."""

from .backbone import Bottleneck

LAST_CONV = 960
HEAD = 1280

# kernel, expanded, channels, squeeze-excite, activation, stride
TABLE = [
    Bottleneck(3, 16, 16, False, "relu", 1),
    Bottleneck(3, 64, 24, False, "relu", 2),
    Bottleneck(3, 72, 24, False, "relu", 1),
    Bottleneck(5, 72, 40, True, "relu", 2),
    Bottleneck(5, 120, 40, True, "relu", 1),
    Bottleneck(5, 120, 40, True, "relu", 1),
    Bottleneck(3, 240, 80, False, "hard_swish", 2),
    Bottleneck(3, 200, 80, False, "hard_swish", 1),
    Bottleneck(3, 184, 80, False, "hard_swish", 1),
    Bottleneck(3, 184, 80, False, "hard_swish", 1),
    Bottleneck(3, 480, 112, True, "hard_swish", 1),
    Bottleneck(3, 672, 112, True, "hard_swish", 1),
    Bottleneck(5, 672, 160, True, "hard_swish", 2),
    Bottleneck(5, 960, 160, True, "hard_swish", 1),
    Bottleneck(5, 960, 160, True, "hard_swish", 1),
]
