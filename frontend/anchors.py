"""The default boxes of SSDLite, which regressions move (arXiv 1512.02325; 1905.02244, section 6.3)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

SMALLEST, LARGEST = 0.2, 0.95
MAPS = 6
RATIOS = (2, 3)


class DefaultBoxes(NamedTuple):
    """Six boxes in each cell: squares of this map's scale and of one on the way to the next, two a ratio.

    With `reduced_first` (TF's `reduce_boxes_in_lowest_layer`) the first map has three, a square of half its
    scale and those of ratio 2. With `clipped` (torchvision) no side is longer than the image; boxes may still
    reach over its edge.
    """

    reduced_first: bool
    clipped: bool

    @property
    def a_cell(self) -> list[int]:
        """How many boxes each cell of a map has, map by map."""
        return [len(sides) for sides in self._sides()]

    def on(self, maps: Sequence[tuple[int, int]]) -> np.ndarray:
        """Centre x and y, width and height of each, as parts of the image: [boxes, 4], float32.

        `maps` has the height and width of each map. Its cells go row by row, all boxes of a cell together.
        """
        boxes = []
        for (height, width), sides in zip(maps, self._sides(), strict=True):
            rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
            y, x = np.meshgrid(rows, columns, indexing="ij")
            centres = np.stack([x, y], axis=-1).reshape(-1, 1, 2)
            boxes.append(np.concatenate(np.broadcast_arrays(centres, sides[None]), axis=-1).reshape(-1, 4))
        return np.concatenate(boxes).astype(np.float32)

    def _sides(self) -> list[np.ndarray]:
        """Width and height of the boxes in a cell, map by map, as parts of the image: [boxes, 2]."""
        found = []
        for scale, following in pairwise([*np.linspace(SMALLEST, LARGEST, MAPS), 1.0]):
            sides = [(scale, scale), ((scale * following) ** 0.5,) * 2]
            for ratio in RATIOS:
                wide = (scale * ratio**0.5, scale / ratio**0.5)
                sides += [wide, wide[::-1]]
            found.append(np.clip(sides, 0, 1) if self.clipped else np.array(sides))
        if self.reduced_first:
            found[0] = np.array([(SMALLEST / 2,) * 2, *found[0][2:4]])
        return found
