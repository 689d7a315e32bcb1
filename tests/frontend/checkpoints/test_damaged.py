"""Files of every format with bytes changed, cut and moved: read or refused, and never loaded in part."""

import io
import random
import sys
from argparse import Namespace

import h5py
import numpy as np
import pytest
from safetensors.numpy import save

from armlet import build
from armlet.errors import InvalidModelError
from armlet.frontend.checkpoints import keras_file, read_checkpoint
from armlet.frontend.checkpoints.torch_file import LEGACY_START

from ...cli.timm_checkpoint import write_checkpoint
from ..damage import damaged
from .torch_files import Tensor, archive, legacy, pickled

SIX = np.arange(6, dtype="<f4")
SEVEN = np.array(7, "<i8")
WHOLE = Tensor(("0", "FloatStorage", 6), 0, (2, 3), (3, 1))
SCALAR = Tensor(("1", "LongStorage", 1), 0, (), ())
TRAINING = {"state_dict": {"module.a": WHOLE, "module.b": SCALAR}, "args": Namespace(lr=0.1), "arch": "tf_x"}
BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def hdf5(fill):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        fill(file)
    return stream.getvalue()


def with_names(file):
    """As Keras 2 writes it."""
    file.attrs["layer_names"] = [b"conv", b"conv_bn"]
    for layer, variables in (("conv", ("kernel",)), ("conv_bn", BATCH_NORM)):
        group = file.create_group(layer)
        group.attrs["weight_names"] = [f"{variable}:0".encode() for variable in variables]
        for variable in variables:
            group[f"{variable}:0"] = SIX


def without_names(file):
    """As Keras 3 writes it."""
    for layer, number in (("conv2d", 1), ("batch_normalization", 4)):
        for variable in range(number):
            file[f"layers/{layer}/vars/{variable}"] = SIX


CONTENTS = {
    "archive": archive(pickled(TRAINING), [SIX.tobytes(), SEVEN.tobytes()]),
    "legacy": legacy({"a": WHOLE, "b": SCALAR}, [(6, SIX.tobytes()), (1, SEVEN.tobytes())]),
    "safetensors": save({"a": SIX, "b": SEVEN}),
    "keras 2": hdf5(with_names),
    "keras 3": hdf5(without_names),
}


def check(content, path, seed):
    path.write_bytes(damaged(content, random.Random(seed)))
    complaint = ""
    try:
        tensors = read_checkpoint(path).tensors
    except InvalidModelError as error:
        complaint = str(error)
    if complaint:
        assert complaint.startswith(f"{path} cannot be read as a checkpoint: ")
        assert "\n" not in complaint
        return False
    assert all(isinstance(array, np.ndarray) for array in tensors.values())
    return True


@pytest.mark.parametrize("kind", ["archive", "legacy", "safetensors"])
def test_damaged_files_are_read_or_refused(kind, tmp_path):
    read = [check(CONTENTS[kind], tmp_path / "a.pth", seed) for seed in range(500)]
    # A number of a tensor or a name may be another, and the file as good as before.
    assert 10 < sum(read) < 100


# HDF5's library loops on some of them, and is then stopped.
@pytest.mark.parametrize(
    ("kind", "number"),
    [
        *(("keras 2", 20), ("keras 3", 20)),
        pytest.param("keras 2", 100, marks=pytest.mark.full),
        pytest.param("keras 3", 100, marks=pytest.mark.full),
    ],
)
def test_damaged_hdf5_is_read_or_refused(kind, number, tmp_path, monkeypatch):
    monkeypatch.setattr(keras_file, "SECONDS", 4)
    read = [check(CONTENTS[kind], tmp_path / "a.h5", seed) for seed in range(number)]
    assert 0.2 * number < sum(read) < 0.8 * number


def test_reading_hdf5_ends(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    path.write_bytes(CONTENTS["keras 2"])
    monkeypatch.setattr(keras_file, "SECONDS", 0.01)
    with pytest.raises(InvalidModelError, match=r"damaged: reading it did not end within 0\.01 s"):
        read_checkpoint(path)
    crash = tmp_path / "crash"
    crash.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crash.chmod(0o755)
    monkeypatch.setattr(keras_file, "SECONDS", 30)
    monkeypatch.setattr(sys, "executable", str(crash))
    with pytest.raises(InvalidModelError, match="damaged: HDF5 ends by signal 11 on it"):
        read_checkpoint(path)


@pytest.mark.parametrize("place", [b"r\xff\xff\xff\x7f", b"p2147483647\n"])
def test_a_pickle_that_asks_for_a_table_of_gigabytes(place, tmp_path):
    root = b"\x80\x02}" + place + b"."
    for content in (archive(root), LEGACY_START + root):
        (tmp_path / "a.pth").write_bytes(content)
        with pytest.raises(InvalidModelError, match="it remembers value 2147483647, more than it has bytes"):
            read_checkpoint(tmp_path / "a.pth")


def test_nothing_is_loaded_in_part(tmp_path):
    network = {"name": "mobilenet_v3_small", "width": 0.1, "resolution": 32, "classes": 2}
    whole = tmp_path / "whole.safetensors"
    write_checkpoint(whole, seed=5, **network)
    content = whole.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    original = build(**network, source="timm", seed=5).graph.initializers
    loaded = 0
    for seed in range(60):
        path = tmp_path / "a.safetensors"
        path.write_bytes(damaged(content[:header], random.Random(seed)) + content[header:])
        try:
            found = build(**network, source="timm", weights=path).graph.initializers
        except InvalidModelError:
            continue
        loaded += 1
        assert found.keys() == original.keys()
        assert all(
            (found[name].const_value.numpy() == original[name].const_value.numpy()).all() for name in found
        )
    assert loaded < 10
