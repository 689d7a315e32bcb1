"""The graph of the post-processing, beside the same in numpy, on heads made up to be hard."""

import math

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest

from armlet.frontend.anchors import DefaultBoxes
from armlet.frontend.builder import GraphBuilder
from armlet.frontend.detections import CANDIDATES, Suppression, detect

HEIGHT, WIDTH, CLASSES = 64, 96, 5
BOXES = DefaultBoxes(reduced_first=False, clipped=True).on([(8, 12), (4, 6), (2, 3), (1, 2), (1, 1), (1, 1)])
COUNT = len(BOXES)
SOFTMAX = Suppression("softmax", 0.001, 0.55, 300)
SIGMOID = Suppression("sigmoid", 1e-8, 0.6, 100)


def session(suppression):
    b = GraphBuilder("detect", batch_norm_epsilon=1e-3)
    logits, regression = b.input("logits", [1, COUNT, CLASSES]), b.input("regression", [1, COUNT, 4])
    with b.scope("detect"):
        outputs = detect(b, logits, regression, BOXES, suppression, height=HEIGHT, width=WIDTH)
    proto = ir.to_proto(b.model(outputs))
    onnx.checker.check_model(proto, full_check=True)
    return ort.InferenceSession(proto.SerializeToString())


@pytest.fixture(scope="module")
def sessions():
    return {suppression: session(suppression) for suppression in (SOFTMAX, SIGMOID)}


def overlap(box, others):
    """Intersection over union of one box with others, 0 where neither has an area."""
    first, last = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(last - first, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    union = np.prod(box[2:] - box[:2]) + areas - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def suppressed(boxes, scores, threshold):
    """Greedily, best first: the places that are kept."""
    kept, left = [], list(np.argsort(-scores, kind="stable"))
    while left:
        best, *left = left
        kept.append(best)
        worse = overlap(boxes[best], boxes[left]) if left else []
        left = [place for place, by in zip(left, worse, strict=True) if by <= threshold]
    return kept


def expected(logits, regression, how):
    """torchvision's SSD.postprocess_detections, in numpy."""
    size = np.array([WIDTH, HEIGHT], np.float32)
    centres, sides = BOXES[:, :2] * size, BOXES[:, 2:] * size
    centres = centres + regression[:, :2] / 10 * sides
    sides = sides * np.exp(np.minimum(regression[:, 2:] / 5, math.log(1000 / 16)))
    corners = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1).clip(0, np.tile(size, 2))
    if how.scores == "softmax":
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
    else:
        scores = 1 / (1 + np.exp(-logits))
    found = []
    for label in range(1, CLASSES):
        places = np.argsort(-scores[:, label], kind="stable")[:CANDIDATES]
        places = places[scores[places, label] > how.score_threshold]
        kept = suppressed(corners[places], scores[places, label], how.iou_threshold)[: how.detections]
        found += [(float(scores[places[k], label]), label, corners[places[k]]) for k in kept]
    return sorted(found, key=lambda each: -each[0])[: how.detections]


def heads():
    """Logits [boxes, classes] and regressions [boxes, 4], by what is hard about them."""
    rng = np.random.default_rng(1)
    normal = rng.standard_normal((COUNT, CLASSES))
    still = rng.standard_normal((COUNT, 4)) * 0.1
    background = np.zeros((COUNT, CLASSES))
    background[:, 0] = 40
    yield "usual", normal * 2, still
    yield "one class", normal + np.eye(CLASSES)[3] * 9, still
    yield "flat", normal * 1e-3, still
    yield "few", background * (rng.random((COUNT, 1)) > 0.02) + normal, still
    yield "nothing", background, still
    yield "wild", normal * 4, rng.standard_normal((COUNT, 4)) * 30


@pytest.mark.parametrize("how", [SOFTMAX, SIGMOID], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize(
    ("logits", "regression"), [head[1:] for head in heads()], ids=[h[0] for h in heads()]
)
def test_as_in_numpy(sessions, how, logits, regression):
    logits, regression = logits.astype(np.float32), regression.astype(np.float32)
    boxes, scores, labels = sessions[how].run(None, {"logits": logits[None], "regression": regression[None]})
    wanted = expected(logits, regression, how)
    assert len(boxes) == len(wanted)
    if wanted:
        their_scores, their_labels, their_boxes = map(np.array, zip(*wanted, strict=True))
        assert scores == pytest.approx(their_scores, abs=1e-6)
        assert boxes.min() >= 0
        assert (boxes.max(axis=0) <= [WIDTH, HEIGHT, WIDTH, HEIGHT]).all()
        # Equal scores may stand in another order.
        apart = np.diff(their_scores, prepend=2, append=-1)
        alone = (np.abs(apart[:-1]) > 1e-6) & (np.abs(apart[1:]) > 1e-6)
        assert (labels == their_labels)[alone].all()
        assert np.abs(boxes - their_boxes)[alone].max(initial=0) < 1e-3


def test_nothing_found_has_shapes(sessions):
    logits = np.zeros((1, COUNT, CLASSES), np.float32)
    logits[..., 0] = 100
    boxes, scores, labels = sessions[SOFTMAX].run(
        None, {"logits": logits, "regression": np.zeros((1, COUNT, 4), np.float32)}
    )
    assert (boxes.shape, scores.shape, labels.shape) == ((0, 4), (0,), (0,))
