"""What a framework calls our parameters, and how it lays them out: one `KeyRule` a framework.

Our parameters are called `SCOPE/LAYER/ROLE`: `block4/expand/conv/weight`. Theirs differ in all three, and in
the order of a weight's dimensions. Ours are PyTorch's: [out, in / groups, height, width].
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Parameter(NamedTuple):
    """A name of ours, taken apart: "block4/expand", "conv", "weight"."""

    scope: str
    layer: str
    role: str

    @classmethod
    def of(cls, name: str) -> "Parameter":
        """`name`, taken apart."""
        scope, layer, role = name.rsplit("/", 2)
        return cls(scope, layer, role)

    def __str__(self) -> str:
        return "/".join(self)


@dataclass(frozen=True)
class KeyRule:
    """How one framework stores the parameters of our networks.

    `recognises` tells its checkpoints by the names of their tensors; `names` gives its name for each of our
    parameters, in their order, for a checkpoint that holds the tensors `available`; `arrange` brings one of
    its tensors into our layout; `carries_nothing` are endings of names that no inference needs.
    """

    recognises: Callable[[Collection[str]], bool]
    names: Callable[[Sequence[Parameter], Collection[str]], list[str]]
    arrange: Callable[[np.ndarray, Parameter], np.ndarray]
    carries_nothing: tuple[str, ...] = ()


# PyTorch's names of roles, in torchvision and timm alike.
TORCH_ROLES = {
    **{"weight": "weight", "bias": "bias"},
    **{"scale": "weight", "mean": "running_mean", "var": "running_var"},
}
TORCH_CARRIES_NOTHING = (".num_batches_tracked",)


def without_pixel(array: np.ndarray, parameter: Parameter) -> np.ndarray:
    """A 1x1 convolution of a 1x1 map [out, in, 1, 1] as the linear layer that it is with us."""
    if parameter.layer == "linear" and array.ndim == 4 and array.shape[2:] == (1, 1):
        return array[:, :, 0, 0]
    return array
