"""Outputs that are labels, the places of the largest of some scores: which of them rounding may change.

    scores -> ArgMax [-> Cast, Reshape, ...] -> output

Of two scores that are equal up to rounding, either may be the largest: a label that differs is as wrong as
both would have to be for it, which is half of what the largest is above the next.
"""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

_AS_THEY_ARE = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})


@dataclass(frozen=True)
class Labels:
    """Labels as output `number` of a model: the places along `axis` of the largest of the value `scores`."""

    number: int
    scores: ir.Value
    axis: int

    def margins(self, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The error that changes each label, relative to the range of `scores`; of the shape of `labels`.

        It is infinite where there is only one score, and of scores that are not all finite.
        """
        scores = np.moveaxis(scores, self.axis, -1)
        if scores.shape[-1] == 1 or not np.isfinite(scores).all():
            return np.full(labels.shape, np.inf, np.float32)
        second, first = np.moveaxis(np.partition(scores, -2)[..., -2:], -1, 0)
        return ((first - second) / 2 / (np.ptp(scores) or 1)).astype(np.float32).reshape(labels.shape)


def labels_of(model: ir.Model) -> list[Labels]:
    """The outputs of `model` that are labels."""
    found = []
    for number, value in enumerate(model.graph.outputs):
        node = value.producer()
        while node and node.op_type in _AS_THEY_ARE and node.inputs[0]:
            node = node.inputs[0].producer()
        if node and node.op_type == "ArgMax" and node.inputs[0]:
            found.append(Labels(number, node.inputs[0], node.attributes.get_int("axis", 0)))
    return found
