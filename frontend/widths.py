"""How a width multiplier changes the channels of MobileNetV3: two rules are in use.

`paper` is TF-slim's, behind the paper's tables and the Keras and timm checkpoints; `torchvision` is
torchvision's. At width 1 they agree.
"""

from dataclasses import dataclass
from typing import Literal

WidthRule = Literal["paper", "torchvision"]


def round8(channels: float) -> int:
    """The nearest multiple of 8, at least 8, raised by 8 if it fell below 0.9 of `channels` (TF-slim)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


@dataclass(frozen=True)
class Widths:
    """The channel counts of MobileNetV3 at one width multiplier."""

    width: float
    rule: WidthRule

    def channels(self, table: int) -> int:
        """The channels of the stem or of a bottleneck's output."""
        return round8(table * self.width)

    def expanded(self, table: int, table_in: int, channels_in: int) -> int:
        """The expansion size of a bottleneck whose `table_in` input channels have become `channels_in`."""
        if self.rule == "paper":
            return round8(table / table_in * channels_in)
        return round8(table * self.width)

    def last_conv(self, table: int, channels_in: int) -> int:
        """The last 1x1 convolution: 6 times its input at width 1, under either rule."""
        return round8(table * self.width) if self.rule == "paper" else 6 * channels_in

    def head(self, table: int) -> int:
        """The layer before the classifier: the paper keeps it below width 1."""
        return table if self.rule == "paper" and self.width < 1 else round8(table * self.width)

    def squeezed(self, expanded: int) -> int:
        """The squeeze-excite bottleneck: a quarter of the expansion."""
        return round8(expanded // 4 if self.rule == "torchvision" else expanded / 4)
