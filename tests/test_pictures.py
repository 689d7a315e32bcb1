import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from armlet import build, compile_model
from armlet.errors import UsageError
from armlet.pictures import preprocess, read_input
from armlet.targets import find_core

HOW = {"resize": 8, "crop": 6, "mean": [0.5, 0.25, 0.0], "std": [0.5, 0.25, 2.0]}
PLAIN = {"mean": [0, 0, 0], "std": [1, 1, 1]}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    return compile_model(model, tmp_path_factory.mktemp("made") / "artifact", find_core("host"))


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


def test_the_interpolation_is_the_one_asked_for():
    ramp = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8))
    default, linear, cubic = (
        preprocess(ramp, HOW | how, "nhwc")
        for how in ({}, {"interpolation": "bilinear"}, {"interpolation": "bicubic"})
    )
    assert np.array_equal(default, linear)
    assert np.abs(default - cubic).max() > 0.01


def test_a_picture_can_be_stretched():
    pixels = np.zeros((4, 10, 3), np.uint8)
    pixels[2:] = 255
    assert preprocess(Image.fromarray(pixels), PLAIN | {"stretch": [2, 8]}, "nhwc").shape == (1, 2, 8, 3)


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


@pytest.mark.parametrize("size", [(640, 427), (300, 451), (257, 321), (224, 224), (1000, 300)])
def test_sizes_and_offsets_are_torchvisions(size):
    # Its Resize: the short side as asked for, int(resize * long / short) for the other. Its CenterCrop:
    # int(round((side - crop) / 2)). A picture that is its own coordinates shows both.
    across = np.tile(np.linspace(0, 255, size[0]).astype(np.uint8)[None, :, None], (size[1], 1, 3))
    got = preprocess(Image.fromarray(across), {"resize": 256, "crop": 224, **PLAIN}, "nhwc")[0, 100, :, 0]
    short, long = min(size), max(size)
    width = 256 if size[0] == short else int(256 * long / short)
    left = round((width - 224) / 2.0)
    whole = np.asarray(Image.fromarray(across).resize((width, 300), Image.Resampling.BILINEAR))[100, :, 0]
    assert np.abs(got * 255 - whole[left : left + 224]).max() < 1


def test_sixteen_bits_a_channel_are_refused(artifact, tmp_path):
    Image.fromarray(np.full((80, 80), 40000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(UsageError, match="expected 8 bits"):
        read_input(tmp_path / "deep.png", artifact)


def test_arrays_that_are_no_numbers_are_refused(artifact, tmp_path):
    np.save(tmp_path / "text.npy", np.array(["a", "b"]))
    np.save(tmp_path / "complex.npy", np.array([1j]))
    with zipfile.ZipFile(tmp_path / "zip.npy", "w") as archive:
        buffer = io.BytesIO()
        np.save(buffer, np.zeros(3))
        archive.writestr("a.npy", buffer.getvalue())
    for name in ("text.npy", "complex.npy", "zip.npy"):
        with pytest.raises(UsageError, match=name):
            read_input(tmp_path / name, artifact)
    (tmp_path / "empty.npy").touch()
    with pytest.raises(UsageError, match=r"empty\.npy"):
        read_input(tmp_path / "empty.npy", artifact)
