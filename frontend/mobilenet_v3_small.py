"""MobileNetV3-Small: table 2 of arXiv 1905.02244.

The table ticks squeeze-excite at the last 1x1 convolution too; no implementation has it there.
"""

from .mobilenet_v3 import Bottleneck

LAST_CONV = 576
HEAD = 1024

# kernel, expanded, channels, squeeze-excite, h-swish, stride
TABLE = [
    Bottleneck(3, 16, 16, True, False, 2),
    Bottleneck(3, 72, 24, False, False, 2),
    Bottleneck(3, 88, 24, False, False, 1),
    Bottleneck(5, 96, 40, True, True, 2),
    Bottleneck(5, 240, 40, True, True, 1),
    Bottleneck(5, 240, 40, True, True, 1),
    Bottleneck(5, 120, 48, True, True, 1),
    Bottleneck(5, 144, 48, True, True, 1),
    Bottleneck(5, 288, 96, True, True, 2),
    Bottleneck(5, 576, 96, True, True, 1),
    Bottleneck(5, 576, 96, True, True, 1),
]
