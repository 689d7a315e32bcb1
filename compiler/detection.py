"""What is left to do behind a detection network, as C: NAME_detect, which gives a fixed number of rows."""

import json
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
import onnx_ir as ir

from ..errors import InvalidModelError
from ..frontend.anchors import DefaultBoxes
from ..frontend.detections import CANDIDATES, CENTRE_WEIGHT, LARGEST_GROWTH, SIDE_WEIGHT, Suppression
from ..frontend.shapes import picture_size, shape_of

TEMPLATES = Path(__file__).with_name("templates")
METADATA = "armlet.detection"


@dataclass(frozen=True)
class Detection:
    """How logits [1, N, classes] and regressions [1, N, 4] become detections on an image of `size`.

    `boxes` are the default ones [N, 4], parts of the image; `size` is its height and width in pixels.
    """

    boxes: np.ndarray
    classes: int
    suppression: Suppression
    size: tuple[int, int]

    @classmethod
    def of(cls, model: ir.Model) -> "Detection | None":
        """What the metadata of `model` say that is left to do; None if there are none.

        Raises InvalidModelError if they do not fit its outputs.
        """
        described = model.metadata_props.get(METADATA)
        if described is None:
            return None
        try:
            parts = json.loads(described)
            boxes = DefaultBoxes(**parts["boxes"]).on(parts["maps"])
            suppression = Suppression(**parts["suppression"])
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidModelError(
                f"the metadata {METADATA} are damaged ({error}): build the model again, or remove them"
            ) from error
        shapes = [shape_of(value) for value in model.graph.outputs]
        number = len(boxes)
        if len(shapes) != 2 or shapes[0][:2] != [1, number] or shapes[1] != [1, number, 4]:
            raise InvalidModelError(
                f"the outputs have the shapes {shapes}, expected [1, {number}, classes] and "
                f"[1, {number}, 4] by the metadata {METADATA}: build the model again, or remove them"
            )
        return cls(boxes, shapes[0][2], suppression, picture_size(model.graph.inputs[0]))

    def declaration(self, name: str) -> str:
        """What the header of the library `name` says of it."""
        return Template((TEMPLATES / "detect.h").read_text()).substitute(self._sizes(name))

    def source(self, name: str) -> str:
        """The C file that defines it."""
        height, width = self.size
        how = self.suppression
        sides = self.boxes * np.tile(np.array([width, height], np.float32), 2)
        return Template((TEMPLATES / "detect.c").read_text()).substitute(
            self._sizes(name),
            declaration=self.declaration(name),
            boxes=len(self.boxes),
            classes=self.classes,
            candidates=self._candidates,
            softmax=int(how.scores == "softmax"),
            score_threshold=_number(how.score_threshold),
            iou_threshold=_number(how.iou_threshold),
            centre_weight=_number(CENTRE_WEIGHT),
            side_factor=_number(1 / SIDE_WEIGHT),
            largest_growth=_number(LARGEST_GROWTH),
            width=_number(width),
            height=_number(height),
            rows=",\n".join(f"  {{{', '.join(map(_number, row))}}}" for row in sides),
        )

    @property
    def _candidates(self) -> int:
        return min(CANDIDATES, len(self.boxes))

    def _sizes(self, name: str) -> dict[str, str | int]:
        # Of each box a number and four floats, of each candidate a score, a number and four corners.
        return {
            "name": name,
            "NAME": name.upper(),
            "detections": self.suppression.detections,
            "workspace_bytes": 20 * len(self.boxes) + 24 * self._candidates,
        }


def _number(value: float) -> str:
    """`value` as C spells a float, exactly."""
    return f"{float(np.float32(value)).hex()}f"
