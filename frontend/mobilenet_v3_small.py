"""MobileNetV3-Small: table 2 of arXiv 1905.02244.

The table ticks squeeze-excite at the last 1x1 convolution too; no implementation has it there.
"""

from .backbone import Bottleneck

LAST_CONV = 576
HEAD = 1024

# kernel, expanded, channels, squeeze-excite, activation, stride
TABLE = [
    Bottleneck(3, 16, 16, True, "relu", 2),
    Bottleneck(3, 72, 24, False, "relu", 2),
    Bottleneck(3, 88, 24, False, "relu", 1),
    Bottleneck(5, 96, 40, True, "hard_swish", 2),
    Bottleneck(5, 240, 40, True, "hard_swish", 1),
    Bottleneck(5, 240, 40, True, "hard_swish", 1),
    Bottleneck(5, 120, 48, True, "hard_swish", 1),
    Bottleneck(5, 144, 48, True, "hard_swish", 1),
    Bottleneck(5, 288, 96, True, "hard_swish", 2),
    Bottleneck(5, 576, 96, True, "hard_swish", 1),
    Bottleneck(5, 576, 96, True, "hard_swish", 1),
]
