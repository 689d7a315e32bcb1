import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest

from armlet import build
from armlet.errors import UsageError

TINY = {"width": 0.1, "resolution": 64, "classes": 5}
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def outputs(model, image):
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    return ort.InferenceSession(proto.SerializeToString()).run(None, {"image": image})


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)


def normalised(picture, mean=MEAN, std=STD):
    return ((picture / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)


def test_bytes_become_what_the_network_takes(picture):
    (ours,) = outputs(build("mobilenet_v2", input_type="uint8", **TINY), picture)
    (wanted,) = outputs(build("mobilenet_v2", **TINY), normalised(picture))
    assert np.abs(ours - wanted).max() < 1e-4 * np.ptp(wanted)


@pytest.mark.parametrize("frame", [(32, 32), (128, 64)])
def test_frames_are_stretched(picture, frame):
    model = build("mobilenet_v2", input_type="uint8", frame=frame, **TINY)
    repeated = picture[:, : frame[0] // 2, : frame[1] // 2].repeat(2, axis=1).repeat(2, axis=2)
    (found,) = outputs(model, repeated)
    # Means of two, and of two mixed a quarter to three: bilinear, by areas.
    resized = resize(resize(repeated.astype(np.float64), 64, 1), 64, 2)
    (wanted,) = outputs(build("mobilenet_v2", **TINY), normalised(resized))
    assert np.abs(found - wanted).max() < 1e-4 * np.ptp(wanted)


def resize(pixels, size, axis):
    places = ((np.arange(size) + 0.5) * pixels.shape[axis] / size - 0.5).clip(0, pixels.shape[axis] - 1)
    first = np.floor(places).astype(int)
    share = (places - first).reshape([-1 if n == axis else 1 for n in range(4)])
    second = np.minimum(first + 1, pixels.shape[axis] - 1)
    return pixels.take(first, axis) * (1 - share) + pixels.take(second, axis) * share


def test_detection_normalises_by_halves_and_finds_boxes_in_the_frame(picture):
    options = TINY | {"seed": 1}
    frame = build("ssdlite_mobilenet_v2", input_type="uint8", frame=(128, 256), **options)
    shown = picture.repeat(2, axis=1).repeat(4, axis=2)
    boxes, *_ = outputs(frame, shown)
    assert 64 < boxes[:, 0::2].max() <= 256
    assert 64 < boxes[:, 1::2].max() <= 128
    heads = options | {"postprocess": False}
    ours = outputs(build("ssdlite_mobilenet_v2", input_type="uint8", **heads), picture)
    halves = np.full(3, 0.5)
    wanted = outputs(build("ssdlite_mobilenet_v2", **heads), normalised(picture, halves, halves))
    for mine, theirs in zip(ours, wanted, strict=True):
        assert np.abs(mine - theirs).max() < 1e-4 * np.ptp(theirs)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"input_type": "int8"}, "no input of type 'int8'"),
        ({"frame": (480, 640)}, "a frame is given, but the input is float32"),
        ({"input_type": "uint8", "frame": (480, 0)}, "frame is 480x0"),
    ],
)
def test_what_cannot_be_is_refused(options, complaint):
    with pytest.raises(UsageError, match=complaint):
        build("mobilenet_v2", **options)
