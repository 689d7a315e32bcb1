import io
import json
import zipfile

import h5py
import numpy as np
import pytest
from safetensors.numpy import save

from armlet.errors import InvalidModelError, UsageError
from armlet.frontend.checkpoints import read_checkpoint

from .torch_files import Tensor, archive, pickled

X = np.arange(4, dtype=np.float32)
SAFETENSORS = save({"x": X})
TORCH = archive(pickled({"x": Tensor(("0", "FloatStorage", 4), 0, (4,), (1,))}), [X.tobytes()])


def encrypted(archive):
    """`archive` with the flag of an encrypted file in every header."""
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        first, *parts = archive.split(header)
        archive = header.join([first, *(part[: flags - 4] + b"\1" + part[flags - 3 :] for part in parts)])
    return archive


def keras_archive(content, compression=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        file.writestr("model.weights.h5", content)
    return stream.getvalue()


# Deflated, with a block of no known kind behind the header of 30 bytes and the name.
GARBLED = keras_archive(bytes(1000), zipfile.ZIP_DEFLATED)
GARBLED = GARBLED[:46] + b"\xff" + GARBLED[47:]


@pytest.mark.parametrize("content", [SAFETENSORS, TORCH])
@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a"])
def test_the_content_tells_the_format(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    checkpoint = read_checkpoint(tmp_path / name)
    assert np.array_equal(checkpoint.tensors["x"], X)
    assert checkpoint.network == name


def test_bfloat16_of_safetensors(tmp_path):
    header = {"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + np.array([0x3F00, 0xC040], "<u2").tobytes()
    (tmp_path / "a.safetensors").write_bytes(content)
    assert read_checkpoint(tmp_path / "a.safetensors").tensors["x"].tolist() == [0.5, -3]


def test_the_configuration_beside_it_names_the_network(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(SAFETENSORS)
    (tmp_path / "config.json").write_text('{"architecture": "tf_mobilenetv3_large_100"}')
    assert read_checkpoint(tmp_path / "model.safetensors").network == "tf_mobilenetv3_large_100"
    (tmp_path / "config.json").write_text("no JSON")
    assert read_checkpoint(tmp_path / "model.safetensors").network == "model.safetensors"


@pytest.mark.parametrize("name", ["absent.pth", "."])
def test_a_file_that_cannot_be_read(tmp_path, name):
    with pytest.raises(UsageError, match="cannot read the checkpoint"):
        read_checkpoint(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "neither PyTorch's nor Keras', and as safetensors it is damaged"),
        (b"a text, and no checkpoint", "neither PyTorch's nor Keras'"),
        (SAFETENSORS[:-1], "as safetensors it is damaged"),
        (TORCH[:-30], "not a zip file"),
        (SAFETENSORS.replace(b"F32", b"I99"), "damaged"),
        (b"\x89HDF\r\n\x1a\n and nothing more", "damaged"),
        (encrypted(TORCH), "is encrypted"),
        (encrypted(keras_archive(b"")), "is encrypted"),
        (GARBLED, "damaged: Error -3 while decompressing"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, content, complaint):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(
        InvalidModelError, match=rf"a\.pth cannot be read as a checkpoint: .*{complaint}"
    ) as caught:
        read_checkpoint(tmp_path / "a.pth")
    assert "\n" not in str(caught.value)


def write_hdf5(path, fill):
    with h5py.File(path, "w") as file:
        fill(file.create_group("layers/conv2d/vars"))


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_hdf5_that_is_truncated(tmp_path, kept):
    path = tmp_path / "a.weights.h5"
    write_hdf5(path, lambda variables: variables.create_dataset("0", data=np.zeros(10_000)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InvalidModelError, match="damaged"):
        read_checkpoint(path)


def test_hdf5_that_reaches_outside_its_file(tmp_path):
    outside, path = tmp_path / "outside.bin", tmp_path / "a.weights.h5"
    outside.write_bytes(bytes(400))
    write_hdf5(
        path,
        lambda variables: variables.create_dataset("0", (100,), "<f4", external=[(str(outside), 0, 400)]),
    )
    with pytest.raises(InvalidModelError, match=r"conv2d/kernel lies outside the file"):
        read_checkpoint(path)
    write_hdf5(tmp_path / "other.h5", lambda variables: variables.create_dataset("0", data=np.zeros(3)))
    link = h5py.ExternalLink(str(tmp_path / "other.h5"), "/layers/conv2d/vars/0")
    write_hdf5(path, lambda variables: variables.__setitem__("0", link))
    with pytest.raises(InvalidModelError, match=r"a\.weights\.h5 cannot be read"):
        read_checkpoint(path)


def test_hdf5_that_claims_to_be_huge(tmp_path):
    path = tmp_path / "a.weights.h5"
    write_hdf5(path, lambda variables: variables.create_dataset("0", (2**40,), "<f4", chunks=(1024,)))
    assert path.stat().st_size < 20_000
    with pytest.raises(InvalidModelError, match=r"claims to hold more than 2,147,483,648 bytes"):
        read_checkpoint(path)


def test_hdf5_of_something_else(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(InvalidModelError, match="neither a list of layers nor a group of them"):
        read_checkpoint(path)


@pytest.mark.parametrize("name", ["model_weights", "layers", "layers/conv2d/vars/0/more"])
def test_hdf5_built_otherwise(tmp_path, name):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file[name] = np.zeros(3)
    with pytest.raises(InvalidModelError, match=r"a\.h5 cannot be read as a checkpoint"):
        read_checkpoint(path)
