import numpy as np
import pytest
from PIL import Image

from armlet import build, compile_model
from armlet.errors import InvalidArtifactError, UsageError
from armlet.inference import Inference, check_fit, infer, preprocess, read_input
from armlet.targets import find_core, open_device

HOW = {"resize": 8, "crop": 6, "mean": [0.5, 0.25, 0.0], "std": [0.5, 0.25, 2.0]}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    return compile_model(model, tmp_path_factory.mktemp("made") / "artifact", find_core("host"))


@pytest.fixture(scope="module")
def for_arm(tmp_path_factory):
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    return compile_model(model, tmp_path_factory.mktemp("made") / "arm", find_core("cortex-a76"))


def test_runs_and_agrees(artifact):
    result = infer(artifact, open_device("host"), artifact.sample[0])
    assert result.worst_error < 1e-5
    assert result.same_top5
    (logits,) = result.outputs
    assert [place for place, _ in result.top5] == list(np.argsort(-logits[0])[:5])
    assert result.top5[0][1] == logits.max()


def test_another_shape(artifact):
    with pytest.raises(UsageError, match=r"shape \[1, 3, 32, 32\], expected \[1, 3, 64, 64\]"):
        infer(artifact, open_device("host"), np.zeros((1, 3, 32, 32), np.float32))


def test_code_for_another_machine_or_newer_core_is_refused_before_it_runs(artifact, for_arm):
    with pytest.raises(InvalidArtifactError, match="compiled for cortex-a76, which host cannot run"):
        check_fit(for_arm, open_device("host"))
    with pytest.raises(InvalidArtifactError, match="which emulated:cortex-a53 cannot run"):
        check_fit(for_arm, open_device("emulated:cortex-a53"))
    with pytest.raises(InvalidArtifactError, match="which emulated:cortex-a76 cannot run"):
        check_fit(artifact, open_device("emulated:cortex-a76"))
    check_fit(for_arm, open_device("emulated:cortex-a55"))
    check_fit(for_arm, open_device("rpc://127.0.0.1:9"))


def test_picture_in_numbers():
    # 16x12 becomes 11x8 by the shorter side; the middle 6x6 is kept. One colour stays itself.
    picture = Image.new("RGB", (16, 12), (255, 0, 51))
    nchw = preprocess(picture, HOW, "nchw")
    assert nchw.shape == (1, 3, 6, 6)
    assert nchw.dtype == np.float32
    assert nchw[0, 0] == pytest.approx(1.0)
    assert nchw[0, 1] == pytest.approx(-1.0)
    assert nchw[0, 2] == pytest.approx(0.1)
    assert np.array_equal(preprocess(picture, HOW, "nhwc"), nchw.transpose(0, 2, 3, 1))


def test_the_crop_is_in_the_middle():
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, 5:11] = 255
    how = HOW | {"mean": [0, 0, 0], "std": [1, 1, 1]}
    assert (preprocess(Image.fromarray(pixels), how, "nchw") == 1).all()


@pytest.mark.parametrize("size", [(1, 500), (500, 1), (6, 6)])
def test_odd_pictures_have_the_size_asked_for(size):
    assert preprocess(Image.new("RGB", size), HOW, "nchw").shape == (1, 3, 6, 6)


def test_inputs_from_files(artifact, tmp_path):
    Image.new("L", (100, 80), 128).save(tmp_path / "grey.png")
    assert read_input(tmp_path / "grey.png", artifact).shape == (1, 3, 64, 64)
    np.save(tmp_path / "x.npy", np.ones((1, 3, 64, 64)))
    assert (read_input(tmp_path / "x.npy", artifact) == 1).all()


@pytest.mark.parametrize(
    ("name", "content"), [("a.png", b"not a picture"), ("a.npy", b"not an array"), ("b.png", b"")]
)
def test_bad_files_are_named(artifact, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=name):
        read_input(tmp_path / name, artifact)


def test_pickled_arrays_are_refused(artifact, tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match=r"x\.npy"):
        read_input(tmp_path / "x.npy", artifact)


def test_a_missing_file_is_named(artifact, tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*absent\.png: No such file"):
        read_input(tmp_path / "absent.png", artifact)


def test_outputs_are_saved_under_the_suffix_that_fits(tmp_path):
    one = Inference([np.arange(6.0)], 0.0, True)
    one.save(tmp_path / "one.npy")
    assert np.load(tmp_path / "one.npy").tolist() == list(range(6))
    with pytest.raises(UsageError, match=r"must end in \.npy"):
        one.save(tmp_path / "one.npz")
    two = Inference([np.zeros(6), np.ones(3)], 0.0, True)
    two.save(tmp_path / "two.npz")
    assert np.load(tmp_path / "two.npz")["arr_1"].tolist() == [1, 1, 1]
    with pytest.raises(UsageError, match=r"must end in \.npz for 2"):
        two.save(tmp_path / "two.npy")
