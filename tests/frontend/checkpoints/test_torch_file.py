import builtins
import os
import pickle
import zipfile
from argparse import Namespace
from collections import OrderedDict

import numpy as np
import pytest

from armlet.frontend.checkpoints.torch_file import read_torch

from .torch_files import Tensor, archive, legacy, pickled

SIX = np.arange(6, dtype="<f4")
WHOLE = Tensor(("0", "FloatStorage", 6), 0, (2, 3), (3, 1))


def test_views_of_storages():
    turned = Tensor(("0", "FloatStorage", 6), 0, (3, 2), (1, 3))
    behind = Tensor(("0", "FloatStorage", 6), 4, (2,), (1,))
    scalar = Tensor(("1", "LongStorage", 1), 0, (), ())
    root = OrderedDict(whole=WHOLE, turned=turned, behind=behind, scalar=scalar)
    tensors, network = read_torch(archive(pickled(root), [SIX.tobytes(), np.int64(7).tobytes()]))
    assert np.array_equal(tensors["whole"], SIX.reshape(2, 3))
    assert np.array_equal(tensors["turned"], SIX.reshape(2, 3).T)
    assert np.array_equal(tensors["behind"], [4, 5])
    assert tensors["scalar"] == 7
    assert network is None


@pytest.mark.parametrize(
    ("kind", "content"),
    [("HalfStorage", np.array([0.5, -3], "<f2")), ("BFloat16Storage", np.array([0x3F00, 0xC040], "<u2"))],
)
def test_halves(kind, content):
    root = {"x": Tensor(("0", kind, 2), 0, (2,), (1,))}
    tensors, _ = read_torch(archive(pickled(root), [content.tobytes()]))
    assert tensors["x"].tolist() == [0.5, -3]


def test_the_format_before_1_6():
    root = {"a": WHOLE, "b": Tensor(("1", "LongStorage", 2), 1, (1,), (1,))}
    storages = [(6, SIX.tobytes()), (2, np.array([8, 9], "<i8").tobytes())]
    tensors, _ = read_torch(legacy(root, storages))
    assert np.array_equal(tensors["a"], SIX.reshape(2, 3))
    assert tensors["b"] == 9


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_training_checkpoints(key):
    other = {"optimizer": {"momentum": WHOLE}, "args": Namespace(lr=0.1), "epoch": 3}
    root = {key: {"module.a": WHOLE}, "arch": "tf_mobilenetv3_small_100", **other}
    tensors, network = read_torch(archive(pickled(root), [SIX.tobytes()]))
    assert list(tensors) == ["a"]
    assert network == "tf_mobilenetv3_small_100"


class Runs:
    """Pickled as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ((os.system, "touch ran"), "posix.system"),
        ((builtins.eval, "open('ran', 'w')"), "__builtin__.eval"),
        ((builtins.getattr, OrderedDict, "fromkeys"), "__builtin__.getattr"),
        ((builtins.exec, "open('ran', 'w')"), "__builtin__.exec"),
    ],
)
@pytest.mark.parametrize("wrap", ["zip", "legacy"])
def test_a_pickle_that_would_run_code_is_refused(call, named, wrap, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = {"a": WHOLE, "b": Runs(*call)}
    content = archive(pickled(root), [SIX.tobytes()]) if wrap == "zip" else legacy(root, [(6, SIX.tobytes())])
    with pytest.raises(ValueError, match=f"it names {named}, whose code is not run: save a state_dict"):
        read_torch(content)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_cannot_change_what_reads_it():
    # BUILD with a state for attributes, on each of the callables that a pickle may name.
    for name in (b"collections\nOrderedDict", b"torch._utils\n_rebuild_tensor_v2", b"argparse\nNamespace"):
        content = b"\x80\x02c" + name + b"\nN}X\x08\x00\x00\x00__call__K\x01s\x86b."
        with pytest.raises(ValueError, match=r"attribute|state|call"):
            read_torch(archive(content))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (archive(pickled({"x": WHOLE}), [SIX.tobytes()[:-4]]), "beyond its storage"),
        (archive(pickled({"x": WHOLE._replace(offset=1)}), [SIX.tobytes()]), "beyond its storage"),
        (archive(pickled({"x": WHOLE._replace(offset=-1)}), [SIX.tobytes()]), "beyond its storage"),
        (archive(pickled({"x": WHOLE._replace(strides=(-3, 1))}), [SIX.tobytes()]), "beyond its storage"),
        (archive(pickled({"x": WHOLE._replace(strides=(1,))}), [SIX.tobytes()]), "shorter"),
        (archive(pickled({"x": WHOLE})), "made/data/0"),
        (archive(pickled({"x": 1})), "no tensors by name"),
        (archive(pickled([WHOLE]), [SIX.tobytes()]), "no tensors by name"),
        (archive(pickled({"x": WHOLE}), [SIX.tobytes()], zipfile.ZIP_DEFLATED), "compressed"),
        (archive(pickled({"x": WHOLE}), [SIX.tobytes()], byteorder=b"big"), "big-endian"),
        (archive(pickled({"x": Tensor(("0", "QInt8Storage", 6), 0, (6,), (1,))})), "torch.QInt8Storage"),
        (archive(b""), "exhausted before seeing STOP"),
        (archive(pickle.dumps({"x": 1})[:-4]), "exhausted|truncated|Ran out"),
        (legacy({"x": WHOLE}, [(6, SIX.tobytes()[:-4])]), "beyond its storage"),
        (b"PK and nothing more", "not a zip file"),
    ],
)
def test_what_is_damaged_is_refused(content, complaint):
    with pytest.raises(ValueError, match=complaint):
        read_torch(content)


def test_every_truncation_is_refused():
    for content in (
        archive(pickled({"x": WHOLE}), [SIX.tobytes()]),
        legacy({"x": WHOLE}, [(6, SIX.tobytes())]),
    ):
        for length in range(1, len(content), 7):
            with pytest.raises(ValueError, match=r"\w"):
                read_torch(content[:length])
