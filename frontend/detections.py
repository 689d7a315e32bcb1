"""Scores and boxes to detections, in ONNX: boxes decoded, the best of each class, overlaps suppressed.

The order is torchvision's (`SSD.postprocess_detections`): the best candidates of each class go into its
suppression, and of what that leaves the best of all classes come out, how many is not fixed.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import onnx_ir as ir
from numpy.typing import ArrayLike

from .builder import GraphBuilder
from .shapes import shape_of

# Regressions of centres and of sides are divided by these.
CENTRE_WEIGHT, SIDE_WEIGHT = 10.0, 5.0
LARGEST_GROWTH = math.log(1000 / 16)
# Of each class, before suppression.
CANDIDATES = 300

_FLOAT, _INT = ir.DataType.FLOAT, ir.DataType.INT64
_Shape = Sequence[int | str]


class Suppression(NamedTuple):
    """Which boxes are left out: of a score at most the threshold, or overlapping a better one by more.

    `detections` is the most of each class, and of all; `scores` is how logits become scores.
    """

    scores: Literal["softmax", "sigmoid"]
    score_threshold: float
    iou_threshold: float
    detections: int


def detect(
    b: GraphBuilder,
    logits: ir.Value,
    regression: ir.Value,
    boxes: np.ndarray,
    suppression: Suppression,
    *,
    height: int,
    width: int,
) -> dict[str, ir.Value]:
    """Detections from `logits` [1, N, classes] and `regression` [1, N, 4] of the default `boxes` [N, 4].

    They are "boxes" [detections, 4] (left, top, right, bottom in pixels of an image of `height` and `width`),
    "scores" [detections], best first, and "labels" [detections], where 0, the background, does not occur.
    """
    number, classes = len(boxes), shape_of(logits)[2] - 1
    candidates = min(CANDIDATES, number)
    corners = _decode(b, regression, boxes, height, width)
    scores = _scores(b, logits, suppression)
    best, places = b.nodes(
        "TopK",
        [scores],
        "candidates",
        [(_FLOAT, (classes, candidates)), (_INT, (classes, candidates))],
        {"k": np.array([candidates])},
        axis=1,
    )
    of_best = _one(b, "Gather", [corners, places], "candidate_boxes", (classes, candidates, 4), axis=0)
    chosen = _one(
        b,
        "NonMaxSuppression",
        [of_best, _one(b, "Unsqueeze", [best], "by_class", (classes, 1, candidates), {"axes": [1]})],
        "suppress",
        ("kept", 3),
        {
            "most": suppression.detections,
            "iou": np.float32(suppression.iou_threshold),
            "score": np.float32(suppression.score_threshold),
        },
        dtype=_INT,
    )
    # A row is a class, 0, and a candidate of it.
    pairs = _one(b, "Gather", [chosen], "pairs", ("kept", 2), {"columns": [0, 2]}, _INT, axis=1)
    class_number = _one(b, "Gather", [chosen], "class", ("kept",), {"column": 0}, _INT, axis=1)
    labels = _one(b, "Add", [class_number], "label", ("kept",), {"background": 1}, _INT)
    kept_scores = _one(b, "GatherND", [best, pairs], "kept_scores", ("kept",))
    kept_boxes = _one(b, "GatherND", [of_best, pairs], "kept_boxes", ("kept", 4))

    count = _one(b, "Shape", [kept_scores], "count", (1,), dtype=_INT)
    most = _one(b, "Min", [count], "most", (1,), {"detections": [suppression.detections]}, _INT)
    sorted_scores, order = b.nodes(
        "TopK", [kept_scores, most], "best", [(_FLOAT, ("detections",)), (_INT, ("detections",))], {}
    )
    return {
        "boxes": _one(b, "Gather", [kept_boxes, order], "boxes", ("detections", 4), axis=0),
        "scores": sorted_scores,
        "labels": _one(b, "Gather", [labels, order], "labels", ("detections",), dtype=_INT, axis=0),
    }


def _decode(b: GraphBuilder, regression: ir.Value, boxes: np.ndarray, height: int, width: int) -> ir.Value:
    """The corners [N, 4] of default boxes moved by `regression` [1, N, 4], inside the image, in pixels."""
    number, size = len(boxes), np.array([width, height], np.float32)
    centres, sides = boxes[:, :2] * size, boxes[:, 2:] * size
    half = (number, 2)
    rows = _one(b, "Reshape", [regression], "regression", (number, 4), {"shape": [number, 4]})
    moves, growth = b.nodes(
        "Split", [rows], "split", [(_FLOAT, half), (_FLOAT, half)], {"split": np.array([2, 2])}, axis=1
    )
    moved = _one(b, "Mul", [moves], "moved", half, {"sides": sides / np.float32(CENTRE_WEIGHT)})
    centre = _one(b, "Add", [moved], "centre", half, {"centres": centres})
    scaled = _one(b, "Mul", [growth], "scaled", half, {"factor": np.float32(1 / SIDE_WEIGHT)})
    limited = _one(b, "Min", [scaled], "limited", half, {"largest": np.float32(LARGEST_GROWTH)})
    grown = _one(b, "Exp", [limited], "grown", half)
    halves = _one(b, "Mul", [grown], "half_sides", half, {"sides": sides / np.float32(2)})
    first = _one(b, "Sub", [centre, halves], "first", half)
    last = _one(b, "Add", [centre, halves], "last", half)
    corners = _one(b, "Concat", [first, last], "corners", (number, 4), axis=1)
    inside = _one(b, "Min", [corners], "at_most", (number, 4), {"size": np.tile(size, 2)})
    return _one(b, "Max", [inside], "at_least", (number, 4), {"zero": np.float32(0)})


def _scores(b: GraphBuilder, logits: ir.Value, suppression: Suppression) -> ir.Value:
    """The scores [classes, N] of `logits` [1, N, classes + 1], without the background."""
    _, number, classes = shape_of(logits)
    if suppression.scores == "softmax":
        scores = _one(b, "Softmax", [logits], "scores", (1, number, classes), axis=-1)
    else:
        scores = _one(b, "Sigmoid", [logits], "scores", (1, number, classes))
    bounds = {"starts": [1], "ends": [classes], "axes": [2]}
    known = _one(b, "Slice", [scores], "foreground", (1, number, classes - 1), bounds)
    turned = _one(b, "Transpose", [known], "turned", (1, classes - 1, number), perm=[0, 2, 1])
    return _one(b, "Squeeze", [turned], "of_classes", (classes - 1, number), {"axes": [0]})


def _one(
    b: GraphBuilder,
    op_type: str,
    inputs: Sequence[ir.Value],
    name: str,
    shape: _Shape,
    constants: Mapping[str, ArrayLike] | None = None,
    dtype: ir.DataType = _FLOAT,
    **attributes: int | list[int],
) -> ir.Value:
    """The output of one node; integers among its constants are int64."""
    arrays = {role: np.asarray(constant) for role, constant in (constants or {}).items()}
    (output,) = b.nodes(op_type, inputs, name, [(dtype, shape)], arrays, **attributes)
    return output
