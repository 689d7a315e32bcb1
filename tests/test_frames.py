"""A network that takes frames, uint8, all the way: compiled, run, counted, and as a C program."""

import subprocess

import numpy as np
import pytest
from PIL import Image

from armlet import build, compile_model
from armlet.errors import UsageError
from armlet.inference import bench, infer
from armlet.pictures import read_input
from armlet.targets import find_core, find_toolchain, open_device

FRAME = (48, 96)


@pytest.fixture(scope="module", params=["nchw", "nhwc"])
def framed(request, tmp_path_factory):
    model = build(
        "mobilenet_v3_small", input_type="uint8", frame=FRAME, resolution=64, width=0.35, classes=10
    )
    folder = tmp_path_factory.mktemp("made") / "framed"
    return compile_model(model, folder, find_core("host"), layout=request.param)


def test_the_interface_is_bytes_whatever_the_layout(framed):
    assert framed.manifest["inputs"] == [
        {"name": "image", "shape": [1, *FRAME, 3], "type": "uint8", "layout": "nhwc"}
    ]
    sample, _ = framed.sample
    assert (sample.shape, sample.dtype) == ((1, *FRAME, 3), np.uint8)
    assert len(np.unique(sample)) > 200
    assert framed.report["verification"]["worst_error"] < 1e-5
    assert framed.report["fallbacks"] == []
    families = [entry["family"] for entry in framed.manifest["kernels"]]
    assert families[:3] == ["resize", "scale_shift", "conv3x3"]


def test_a_picture_becomes_a_frame(framed, tmp_path):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 70, 3), np.uint8))
    picture.save(tmp_path / "a.png")
    frame = read_input(tmp_path / "a.png", framed)
    stretched = picture.resize(FRAME[::-1], Image.Resampling.BILINEAR)
    assert frame.dtype == np.uint8
    assert np.array_equal(frame[0], np.asarray(stretched))
    assert infer(framed, open_device("host"), frame).worst_error < 1e-5


def test_without_resizing_a_picture_is_cut_as_in_training(tmp_path):
    options = {"resolution": 64, "width": 0.35, "classes": 10}
    bytes_in = build("mobilenet_v3_small", input_type="uint8", **options)
    floats_in = build("mobilenet_v3_small", **options)
    core, host = find_core("host"), open_device("host")
    Image.linear_gradient("L").resize((90, 200)).save(tmp_path / "a.png")
    logits = []
    for number, model in enumerate((bytes_in, floats_in)):
        artifact = compile_model(model, tmp_path / str(number), core)
        (output,) = infer(artifact, host, read_input(tmp_path / "a.png", artifact)).outputs
        logits.append(output)
    assert np.abs(logits[0] - logits[1]).max() < 1e-4 * np.ptp(logits[1])


@pytest.mark.parametrize("wrong", [-1, 256, 0.5, np.nan])
def test_arrays_that_are_no_bytes_are_refused(framed, tmp_path, wrong):
    array = np.zeros((1, *FRAME, 3))
    np.save(tmp_path / "good.npy", array)
    assert read_input(tmp_path / "good.npy", framed).dtype == np.uint8
    array[0, 1, 2, 1] = wrong
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(UsageError, match="expected whole numbers from 0 to 255"):
        read_input(tmp_path / "x.npy", framed)


def test_another_type_is_refused(framed):
    with pytest.raises(UsageError, match="the input is float32, expected uint8"):
        infer(framed, open_device("host"), np.zeros((1, *FRAME, 3), np.float32))


def test_the_c_library_takes_bytes(framed, tmp_path):
    header = (framed.folder / "c/mobilenet_v3_small.h").read_text()
    for expected in (
        f'input 0: "image", uint8 [1, {FRAME[0]}, {FRAME[1]}, 3], NHWC',
        f"_INPUT_BYTES {{{FRAME[0] * FRAME[1] * 3}}}",
        '_INPUT_TYPES {"uint8"}',
        '_OUTPUT_TYPES {"float32"}',
    ):
        assert expected in header
    compiler = find_toolchain("linux", find_core("host").machine).c_compiler
    for program in ("example", "benchmark"):
        sources = [framed.folder / f"c/{program}.c", framed.folder / "c/libmobilenet_v3_small.a"]
        flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2"]
        subprocess.run([*compiler, *flags, *sources, "-o", tmp_path / program], check=True)
    sample, expected = framed.sample
    sample.tofile(tmp_path / "input")
    subprocess.run([tmp_path / "example", tmp_path / "input", tmp_path / "output"], check=True)
    got = np.fromfile(tmp_path / "output", np.float32)
    assert np.abs(got - expected[0]).max() < 1e-5 * np.ptp(expected)
    subprocess.run([tmp_path / "benchmark", "--rounds", "1", "--kernels"], check=True, capture_output=True)


@pytest.mark.emulator
def test_on_the_emulated_phone_and_counted(tmp_path):
    model = build(
        "mobilenet_v3_small", input_type="uint8", frame=FRAME, resolution=64, width=0.35, classes=10
    )
    artifact = compile_model(model, tmp_path / "made", find_core("cortex-a76"), precision="fp16")
    verification = artifact.report["verification"]
    assert verification["device"] == "emulated:cortex-a76"
    assert verification["worst_error"] < 2e-2
    profile = bench(artifact, open_device("sim:cortex-a76"), rounds=1)
    assert profile.simulation.cycles > 0
    assert "frame/normalised" in {layer.name for layer in profile.layers}
