"""What the outputs of a network answer: the best classes, what is where, or the class of each pixel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx_ir as ir

from .artifact import Artifact
from .compiler.detection import Detection
from .frontend.builder import GraphBuilder
from .frontend.detections import detect
from .passes.verify import Runner

BEST = 5


@dataclass(frozen=True)
class Answer:
    """The `rows` that people read, best or most first, by name; and the `classes` behind them.

    - "top5": class, label and value of the five largest of the first output
    - "detections": class, label, score, and left, top, right and bottom in pixels of the network's image
    - "pixels": class, label, how many pixels are of it and how many percent; `classes` are of the pixels

    A label is None where the artifact has none.
    """

    kind: Literal["top5", "detections", "pixels"]
    rows: Sequence[Mapping[str, Any]]
    classes: np.ndarray

    def same(self, other: "Answer") -> float:
        """Which part of the classes is the same in both, in their places."""
        mine, theirs = self.classes.ravel(), other.classes.ravel()
        least, most = sorted((mine.size, theirs.size))
        return float((mine[:least] == theirs[:least]).sum() / most) if most else 1.0


def reader(artifact: Artifact) -> Callable[[Sequence[np.ndarray]], Answer]:
    """What makes an answer of the outputs of `artifact`, which are in its layout.

    Detections are of a network that says in its metadata what is left to do. Of the others, pixels are
    answered where the first output is of integers, or a map of logits. Raises InvalidModelError if what is
    said of detections does not fit.
    """
    labels = artifact.manifest["labels"] or []
    model = ir.load(artifact.model)
    if detection := Detection.of(model):
        suppress = _suppression(detection)
        return lambda outputs: _detections(suppress(*outputs), labels)
    channels = 3 if artifact.manifest["layout"] == "nhwc" else 1

    def read(outputs: Sequence[np.ndarray]) -> Answer:
        output = outputs[0]
        if output.dtype.kind in "iu" and output.ndim > 2:
            return _pixels(output, labels)
        if output.ndim == 4 and output.size > output.shape[channels]:
            return _pixels(output.argmax(axis=channels), labels)
        return _top5(output, labels)

    return read


def largest5(output: np.ndarray) -> np.ndarray:
    """The places of the five largest values, largest first."""
    return np.argsort(-output.astype(np.float64).ravel(), kind="stable")[:BEST]


def same_top5(output: np.ndarray, expected: np.ndarray) -> bool:
    """Whether the five largest values of both stand in the same places."""
    return bool((largest5(output) == largest5(expected)).all())


def _top5(output: np.ndarray, labels: Sequence[str]) -> Answer:
    places, values = largest5(output), output.ravel()
    rows = [{**_named(place, labels), "value": float(values[place])} for place in places]
    return Answer("top5", rows, places)


def _pixels(classes: np.ndarray, labels: Sequence[str]) -> Answer:
    numbers, pixels = np.unique(classes, return_counts=True)
    rows = [
        {
            **_named(numbers[place], labels),
            "pixels": int(pixels[place]),
            "percent": 100 * float(pixels[place]) / classes.size,
        }
        for place in np.argsort(-pixels, kind="stable")
    ]
    return Answer("pixels", rows, classes)


def _detections(found: Sequence[np.ndarray], labels: Sequence[str]) -> Answer:
    rows = [
        {
            **_named(number, labels),
            "score": float(score),
            **dict(zip(("left", "top", "right", "bottom"), map(float, box), strict=True)),
        }
        for box, score, number in zip(*found, strict=True)
    ]
    return Answer("detections", rows, found[2])


def _suppression(detection: Detection) -> Callable[..., list[np.ndarray]]:
    """Boxes, scores and classes of logits and regressions, by the graph that ends networks with it."""
    height, width = detection.size
    number = len(detection.boxes)
    b = GraphBuilder("detections", batch_norm_epsilon=0)
    logits = b.input("class_logits", [1, number, detection.classes])
    regression = b.input("box_regression", [1, number, 4])
    with b.scope("detect"):
        found = detect(
            b, logits, regression, detection.boxes, detection.suppression, height=height, width=width
        )
    runner = Runner(b.model(found))
    return lambda logits, regression: runner({"class_logits": logits, "box_regression": regression})


def _named(number: np.integer, labels: Sequence[str]) -> dict[str, Any]:
    place = int(number)
    return {"class": place, "label": labels[place] if place < len(labels) else None}
