"""How a width multiplier changes the channels of MobileNetV3: every source has a rule of its own.

`paper` is TF-slim's, behind the paper's tables. At width 1 all agree.
"""

from dataclasses import dataclass
from typing import Literal

WidthRule = Literal["paper", "torchvision", "timm", "keras"]


def round8(channels: float) -> int:
    """The nearest multiple of 8, at least 8, raised by 8 if it fell below 0.9 of `channels` (TF-slim)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


@dataclass(frozen=True)
class Widths:
    """The channel counts of MobileNetV3 at one width multiplier."""

    width: float
    rule: WidthRule

    def stem(self, table: int) -> int:
        """The channels of the first convolution: Keras never scales it, timm not below 0.75."""
        fixed = self.rule == "keras" or (self.rule == "timm" and self.width < 0.75)
        return table if fixed else self.channels(table)

    def channels(self, table: int) -> int:
        """The channels of a bottleneck's output."""
        return round8(table * self.width)

    def expanded(self, table: int, table_in: int, channels_in: int) -> int:
        """The expansion size of a bottleneck whose `table_in` input channels have become `channels_in`."""
        if self.rule == "torchvision":
            return round8(table * self.width)
        return round8(table / table_in * channels_in)

    def last_conv(self, table: int, channels_in: int) -> int:
        """The last 1x1 convolution: 6 times its input at width 1, under every rule."""
        return 6 * channels_in if self.rule in ("torchvision", "keras") else round8(table * self.width)

    def head(self, table: int) -> int:
        """The layer before the classifier: timm never scales it, the paper and Keras not below width 1."""
        scaled = self.rule == "torchvision" or (self.rule != "timm" and self.width > 1)
        return round8(table * self.width) if scaled else table

    def squeezed(self, expanded: int) -> int:
        """The squeeze-excite bottleneck: a quarter of the expansion."""
        return round8(expanded // 4 if self.rule == "torchvision" else expanded / 4)
