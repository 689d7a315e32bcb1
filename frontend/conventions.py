"""Whose network is built: the same table means slightly different graphs to each framework.

A checkpoint gives its framework's numbers only in its framework's graph. Figures: torchvision 0.28,
timm 1.0.31 and Keras 3.15, read and run.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from .widths import WidthRule

# "paper": the channels and epsilon of TF-slim, the padding of torchvision. "timm-tf": timm's `tf_` networks.
Source = Literal["paper", "torchvision", "timm", "timm-tf", "keras"]
SOURCES: tuple[Source, ...] = get_args(Source)

# "same" is TensorFlow's: just what gives ceil(size / stride), the odd pixel at the bottom and on the right.
Padding = Literal["symmetric", "same"]

# Mean and standard deviation of RGB in 0..1.
Normalisation = tuple[tuple[float, ...], tuple[float, ...]]
IMAGENET: Normalisation = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALVES: Normalisation = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # 0..255 to -1..1: x / 127.5 - 1


@dataclass(frozen=True)
class Conventions:
    """What a framework does its own way; `batch_norm_epsilon` is None where the network decides it."""

    width_rule: WidthRule
    padding: Padding = "symmetric"
    batch_norm_epsilon: float | None = None
    normalisation: Normalisation = IMAGENET
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def preprocessing(
        self, size: tuple[int, int], *, cropped: bool, normalisation: Normalisation | None = None
    ) -> dict[str, Any]:
        """How a picture becomes an input of `size` (height, width).

        A square `cropped` from the middle has `resize` and `crop` in pixels, all else is `stretch`ed to the
        size. Also the `interpolation`, and `mean` and `std` of RGB in 0..1.
        """
        height, width = size
        square = {"resize": round(height * 256 / 224), "crop": height}
        mean, std = normalisation or self.normalisation
        return {
            **(square if cropped and height == width else {"stretch": [height, width]}),
            "interpolation": self.interpolation,
            "mean": list(mean),
            "std": list(std),
        }


CONVENTIONS: dict[Source, Conventions] = {
    "paper": Conventions("paper"),
    "torchvision": Conventions("torchvision"),
    "timm": Conventions("timm", batch_norm_epsilon=1e-5, interpolation="bicubic"),
    "timm-tf": Conventions("timm", "same", 1e-3, HALVES),
    "keras": Conventions("keras", "same", 1e-3, HALVES),
}
