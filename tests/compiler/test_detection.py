"""NAME_detect beside the graph that ONNX Runtime runs, on heads made up to be hard."""

import ctypes
import json
import subprocess

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest

from armlet import build, compile_model
from armlet.compiler.detection import METADATA, Detection
from armlet.errors import InvalidModelError
from armlet.frontend.anchors import DefaultBoxes
from armlet.frontend.builder import GraphBuilder
from armlet.frontend.detections import Suppression, detect
from armlet.targets import find_core, find_toolchain
from armlet.targets.qemu import qemu_command

SIZE = HEIGHT, WIDTH = 64, 96
CLASSES = 7
BOXES = DefaultBoxes(reduced_first=False, clipped=True).on([(8, 12), (4, 6), (2, 3), (1, 2), (1, 1), (1, 1)])
COUNT = len(BOXES)
SOFTMAX = Suppression("softmax", 0.001, 0.55, 300)
SIGMOID = Suppression("sigmoid", 1e-8, 0.6, 100)


class Row(ctypes.Structure):
    _fields_ = (("box", ctypes.c_float * 4), ("score", ctypes.c_float), ("label", ctypes.c_int32))


def in_onnx(how, classes=CLASSES):
    """The post-processing as ONNX has it: from logits and regression to boxes, scores, labels."""
    b = GraphBuilder("detect", batch_norm_epsilon=1e-3)
    logits, regression = b.input("logits", [1, COUNT, classes]), b.input("regression", [1, COUNT, 4])
    with b.scope("detect"):
        outputs = detect(b, logits, regression, BOXES, how, height=HEIGHT, width=WIDTH)
    session = ort.InferenceSession(ir.to_proto(b.model(outputs)).SerializeToString())
    return lambda logits, regression: session.run(
        None, {"logits": logits[None], "regression": regression[None]}
    )


def in_c(how, folder, classes=CLASSES):
    """The same by a library of this machine, which depends on nothing."""
    toolchain = find_toolchain("linux", find_core("host").machine)
    (folder / "detect.c").write_text(Detection(BOXES, classes, how, SIZE).source("net"))
    toolchain.compile_object(folder / "detect.c", folder / "detect.o")
    toolchain.link_object([folder / "detect.o"], folder / "net.o", ["net_detect"])
    toolchain.link_library([folder / "net.o"], folder / "net.so", exports=["net_detect"])
    library = ctypes.CDLL(str(folder / "net.so"))

    def run(logits, regression):
        found = (Row * (how.detections + 1))()
        found[how.detections].label = -1
        workspace = ctypes.create_string_buffer(20 * COUNT + 24 * 300)
        outputs = (ctypes.c_void_p * 2)(logits.ctypes.data, regression.ctypes.data)
        count = library.net_detect(outputs, found, workspace)
        assert 0 <= count <= how.detections
        assert found[how.detections].label == -1
        rows = found[:count]
        boxes = np.array([[*row.box] for row in rows], np.float32).reshape(-1, 4)
        scores = np.array([row.score for row in rows], np.float32)
        return boxes, scores, np.array([row.label for row in rows], np.int64)

    return run


@pytest.fixture(scope="module", params=[SOFTMAX, SIGMOID], ids=["softmax", "sigmoid"])
def both(request, tmp_path_factory):
    return in_onnx(request.param), in_c(request.param, tmp_path_factory.mktemp("detect")), request.param


def heads():
    """Logits [boxes, classes] and regressions [boxes, 4], by what is hard about them.

    Scores are further apart than they are rounded: of two that overlap, it would else be open which is left.
    """
    rng = np.random.default_rng(1)
    normal, still = rng.standard_normal((COUNT, CLASSES)), rng.standard_normal((COUNT, 4)) * 0.1
    nothing = np.where(np.arange(CLASSES) == 0, 40.0, -40.0) + np.zeros((COUNT, 1))
    some = rng.random((COUNT, 1)) < 0.02
    yield "dominant class", normal + np.eye(CLASSES)[3] * 4, still
    yield "flat scores", normal * 1e-2, still
    yield "few", np.where(some, normal * 2, nothing), still
    yield "none", nothing, still
    yield "one class", np.where(np.arange(CLASSES) == 5, normal * 3, nothing), still
    yield "wide", normal * 4, rng.standard_normal((COUNT, 4)) * 3
    yield "huge regressions", normal * 2, rng.standard_normal((COUNT, 4)) * 1e4


def close(mine, theirs, score=1e-6, pixels=1e-3):
    """Equal scores may stand in another order: then labels and boxes say nothing of a row."""
    (boxes, scores, labels), (their_boxes, their_scores, their_labels) = mine, theirs
    assert len(scores) == len(their_scores)
    assert scores == pytest.approx(their_scores, abs=score)
    apart = np.diff(their_scores, prepend=2, append=-1)
    alone = (np.abs(apart[:-1]) > score) & (np.abs(apart[1:]) > score)
    assert (labels == their_labels)[alone].all()
    assert np.abs(boxes - their_boxes)[alone].max(initial=0) < pixels


@pytest.mark.parametrize(
    ("logits", "regression"), [head[1:] for head in heads()], ids=[head[0] for head in heads()]
)
def test_as_onnxruntime_does_it(both, logits, regression):
    onnx, c, _ = both
    logits, regression = logits.astype(np.float32), regression.astype(np.float32)
    close(c(logits, regression), onnx(logits, regression))


@pytest.mark.parametrize("how", [SOFTMAX, SIGMOID], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize("classes", [2, 8, 9, 10, 18, 91])
def test_whatever_number_of_classes(classes, how, tmp_path):
    """Steps of eight classes, and what is left of them."""
    rng = np.random.default_rng(classes)
    logits = rng.standard_normal((COUNT, classes), np.float32) * 3
    regression = rng.standard_normal((COUNT, 4), np.float32)
    close(in_c(how, tmp_path, classes)(logits, regression), in_onnx(how, classes)(logits, regression))


@pytest.mark.parametrize("scale", [1e-3, 30, 1e4])
def test_exponentials_of_numbers_of_any_size(scale, both):
    onnx, c, _ = both
    logits = np.random.default_rng(0).standard_normal((COUNT, CLASSES), np.float32) * np.float32(scale)
    still = np.zeros((COUNT, 4), np.float32)
    mine, theirs = c(logits, still)[1], onnx(logits, still)[1]
    np.testing.assert_allclose(mine, theirs, rtol=2e-6)


def test_none_and_as_many_as_there_is_room_for(both):
    _, c, how = both
    named = {name: (logits.astype(np.float32), still.astype(np.float32)) for name, logits, still in heads()}
    if how.scores == "softmax":
        assert len(c(*named["none"])[1]) == 0
    assert len(c(*named["wide"])[1]) == how.detections


def test_equal_scores_stand_by_class_and_then_by_box(both):
    _, c, _ = both
    logits = np.full((COUNT, CLASSES), -40, np.float32)
    logits[[5, 300], 2:4] = 3
    boxes, scores, labels = c(logits, np.zeros((COUNT, 4), np.float32))
    assert labels[:4].tolist() == [2, 2, 3, 3]
    assert len(set(scores[:4])) == 1
    assert np.array_equal(boxes[:2], boxes[2:4])


def test_numbers_that_are_none_do_no_harm(both):
    _, c, _ = both
    logits = np.full((COUNT, CLASSES), np.nan, np.float32)
    assert len(c(logits, np.full((COUNT, 4), np.nan, np.float32))[1]) == 0


TINY = {"width": 0.1, "resolution": (64, 96), "classes": 5}


@pytest.mark.parametrize("source", ["paper", "torchvision"])
def test_what_the_metadata_say(source):
    model = build("ssdlite_mobilenet_v3_small", source=source, postprocess=False, **TINY)
    found = Detection.of(model)
    assert found.size == (64, 96)
    assert found.classes == 5
    assert found.boxes.shape == (model.graph.outputs[0].shape[1], 4)
    assert found.suppression.detections == {"paper": 100, "torchvision": 300}[source]
    assert Detection.of(build("mobilenet_v2", width=0.1, resolution=32, classes=2)) is None


def test_boxes_are_in_pixels_of_a_frame():
    options = TINY | {"input_type": "uint8", "frame": (120, 200), "postprocess": False}
    assert Detection.of(build("ssdlite_mobilenet_v2", **options)).size == (120, 200)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda parts: "{", "the metadata armlet.detection are damaged"),
        (lambda parts: "[]", "are damaged"),
        (lambda parts: json.dumps({**parts, "boxes": {}}), "are damaged"),
        (lambda parts: json.dumps({**parts, "maps": [[1, 1]] * 6}), r"expected \[1, 33, classes\]"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(change, complaint):
    model = build("ssdlite_mobilenet_v2", postprocess=False, **TINY)
    model.metadata_props[METADATA] = change(json.loads(model.metadata_props[METADATA]))
    with pytest.raises(InvalidModelError, match=complaint):
        Detection.of(model)


PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include "net.h"
static uint8_t frame[80 * 120 * 3];
int main(void) {
  const size_t bytes[] = NET_OUTPUT_BYTES;
  static net_detection found[NET_DETECTIONS];
  const void *in[] = {frame};
  void *out[] = {malloc(bytes[0]), malloc(bytes[1])}, *workspace;
  const size_t memory = NET_WORKSPACE_BYTES + NET_DETECT_WORKSPACE_BYTES;
  if (posix_memalign(&workspace, NET_WORKSPACE_ALIGNMENT, memory)) return 1;
  if (fread(frame, sizeof frame, 1, stdin) != 1) return 1;
  net_run(in, out, workspace);
  const int32_t count = net_detect(out, found, workspace);
  fwrite(found, sizeof *found, (size_t)count, stdout);
  return 0;
}
"""


@pytest.mark.emulator
def test_a_frame_to_detections_on_the_emulated_phone(tmp_path):
    core = find_core("cortex-a76")
    options = TINY | {"source": "torchvision", "input_type": "uint8", "frame": (80, 120)}
    model = build("ssdlite_mobilenet_v3_small", postprocess=False, **options)
    artifact = compile_model(model, tmp_path / "made", core, name="net")
    (tmp_path / "main.c").write_text(PROGRAM)
    library = artifact.folder / "c"
    header, count = (library / "net.h").read_text(), artifact.manifest["outputs"][0]["shape"][1]
    assert "#define NET_DETECTIONS 300\n" in header
    assert f"#define NET_DETECT_WORKSPACE_BYTES {20 * count + 24 * min(300, count)}\n" in header
    command = [
        *find_toolchain("linux", "aarch64").c_compiler,
        *("-std=gnu99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2", "-static", f"-I{library}"),
        *(tmp_path / "main.c", library / "libnet.a", "-o", tmp_path / "main"),
    ]
    subprocess.run(command, check=True)
    frame, _ = artifact.sample
    done = subprocess.run(
        [*qemu_command(core), tmp_path / "main"], input=frame.tobytes(), capture_output=True, check=True
    )
    rows = np.frombuffer(done.stdout, np.dtype([("box", "f4", 4), ("score", "f4"), ("label", "i4")]))
    whole = build("ssdlite_mobilenet_v3_small", **options)
    session = ort.InferenceSession(ir.to_proto(whole).SerializeToString())
    assert len(rows) > 5
    # Of the errors, most are the network's, of which a ten-thousandth of the range is allowed.
    mine = rows["box"], rows["score"], rows["label"]
    close(mine, session.run(None, {"image": frame}), score=1e-4, pixels=1e-2)
