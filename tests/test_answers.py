import numpy as np
import pytest

from armlet import build, compile_model
from armlet.answers import Answer, largest5, reader
from armlet.inference import infer
from armlet.passes.verify import Runner
from armlet.targets import find_core, open_device

HOST = open_device("host")


def made(folder, name, *, labels=(), layout="nchw", **options):
    """An artifact of a network for this machine."""
    names = None
    if labels:
        names = folder / "labels.txt"
        names.write_text("\n".join(labels))
    model = build(name, width=0.35, **options)
    return compile_model(model, folder / "made", find_core("host"), labels=names, layout=layout)


def test_classes_are_ranked_whatever_their_type():
    assert largest5(np.array([True, False, True])).tolist() == [0, 2, 1]
    assert largest5(np.array([[3, 250, 7]], np.uint8)).tolist() == [1, 2, 0]


def test_detections_are_those_of_the_graph_with_the_suppression(tmp_path):
    detector = {"resolution": (96, 160), "classes": 7, "seed": 3}
    name, labels = "ssdlite_mobilenet_v3_small", ["background", *"abcdef"]
    artifact = made(tmp_path, name, labels=labels, postprocess=False, **detector)
    image = artifact.sample[0]
    result = infer(artifact, HOST, image)
    boxes, scores, classes = Runner(build(name, width=0.35, **detector))({"image": image})
    rows = result.answer.rows
    assert result.answer.kind == "detections"
    assert len(rows) == len(scores) == 100
    assert [row["score"] for row in rows] == pytest.approx(list(scores), abs=1e-5)
    assert rows[0]["class"] == classes[0]
    assert rows[0]["label"] == "abcdef"[classes[0] - 1]
    first = [rows[0][side] for side in ("left", "top", "right", "bottom")]
    assert first == pytest.approx(list(boxes[0]), abs=1e-2)
    assert max(row["right"] for row in rows) > 96
    # Of a hundred scores two may be as good as equal.
    assert result.same > 0.9


@pytest.mark.parametrize(
    ("layout", "options"), [("nchw", {}), ("nhwc", {}), ("nchw", {"argmax": True})], ids=str
)
def test_pixels(layout, options, tmp_path):
    labels = [f"thing {number}" for number in range(19)]
    options = {"resolution": (64, 96), "seed": 1, "layout": layout, "labels": labels, **options}
    artifact = made(tmp_path, "lraspp_mobilenet_v3_small", **options)
    result = infer(artifact, HOST, artifact.sample[0])
    (output,) = result.outputs
    classes = output if "argmax" in options else output.argmax(axis=3 if layout == "nhwc" else 1)
    assert (result.answer.classes == classes).all()
    rows = result.answer.rows
    assert sum(row["pixels"] for row in rows) == 64 * 96
    assert sum(row["percent"] for row in rows) == pytest.approx(100)
    assert rows[0]["pixels"] == max(row["pixels"] for row in rows) == (classes == rows[0]["class"]).sum()
    assert rows[0]["label"] == f"thing {rows[0]['class']}"
    assert result.same > 0.999


def test_what_is_the_same():
    def answer(*classes):
        return Answer("detections", [], np.array(classes))

    assert answer(1, 2, 3, 4).same(answer(1, 2, 4, 4)) == 0.75
    assert answer(1, 2).same(answer(1, 2, 3, 4)) == 0.5
    assert answer().same(answer()) == 1
    assert answer().same(answer(1)) == 0


def test_only_a_network_that_says_how_has_detections(tmp_path):
    artifact = made(tmp_path, "mobilenet_v3_small", resolution=64, classes=3)
    answer = reader(artifact)([np.array([[0.5, 2.0, 1.0]], np.float32)])
    assert answer.kind == "top5"
    assert answer.rows[0] == {"class": 1, "label": None, "value": 2.0}
    assert len(answer.rows) == 3
