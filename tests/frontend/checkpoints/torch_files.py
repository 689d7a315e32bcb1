"""Files as PyTorch writes them, without PyTorch: its pickles name modules that need not be there."""

import io
import pickle
import sys
import types
import zipfile
from contextlib import contextmanager
from typing import NamedTuple

from armlet.frontend.checkpoints.torch_file import LEGACY_START


class Tensor(NamedTuple):
    """A view of a storage; pickled as PyTorch does."""

    storage: tuple[str, str, int]  # key, type, numbers
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Storage(NamedTuple):
    key: str
    kind: str
    numbers: int


class _Pickler(pickle.Pickler):
    def reducer_override(self, item):
        if isinstance(item, Tensor):
            rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
            return rebuild, (_Storage(*item.storage), item.offset, item.shape, item.strides, False, {})
        return NotImplemented

    def persistent_id(self, item):
        if isinstance(item, _Storage):
            return ("storage", getattr(sys.modules["torch"], item.kind), item.key, "cpu", item.numbers)
        return None


@contextmanager
def _torch_in_name_only():
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch._utils = utils
    for kind in ("FloatStorage", "HalfStorage", "BFloat16Storage", "LongStorage", "QInt8Storage"):
        setattr(torch, kind, type(kind, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2():
        pass

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        yield
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module:
                sys.modules[name] = module


def pickled(root):
    """The pickle of `root`, whose tensors are `Tensor`s."""
    stream = io.BytesIO()
    with _torch_in_name_only():
        _Pickler(stream, 2).dump(root)
    return stream.getvalue()


def archive(pickle_bytes, storages=(), compression=zipfile.ZIP_STORED, byteorder=b"little"):
    """A file of PyTorch 1.6 and later; `storages` are the bytes of those called 0, 1, ..."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        file.writestr("made/data.pkl", pickle_bytes)
        file.writestr("made/byteorder", byteorder)
        for key, content in enumerate(storages):
            file.writestr(f"made/data/{key}", content)
    return stream.getvalue()


def legacy(root, storages):
    """A file from before 1.6; `storages` are pairs of how many numbers, and their bytes."""
    parts = [LEGACY_START, pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2), pickled(root)]
    parts.append(pickle.dumps([str(key) for key in range(len(storages))], 2))
    parts += [number.to_bytes(8, "little") + content for number, content in storages]
    return b"".join(parts)
