"""Tensors of a PyTorch checkpoint (`.pth`, `.pt`, `.bin`), read without PyTorch and without running any code.

Such a file is a pickle that names storages, and their raw bytes: in a zip archive since PyTorch 1.6, one
after the other before. The pickle may name only what rebuilds tensors; anything else is refused before it is
called, as `torch.load(weights_only=True)` does (torch/serialization.py, torch/_utils.py).
"""

import io
import pickle
import pickletools
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .numbers import from_bytes, size_of

# The first pickle of a file written before PyTorch 1.6, or with _use_new_zipfile_serialization=False.
LEGACY_START = pickle.dumps(0x1950A86A20F9469CFC6C, 2)

_STORAGES = {
    "torch.DoubleStorage": "F64",
    "torch.FloatStorage": "F32",
    "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16",
    "torch.LongStorage": "I64",
    "torch.IntStorage": "I32",
    "torch.ShortStorage": "I16",
    "torch.CharStorage": "I8",
    "torch.ByteStorage": "U8",
    "torch.BoolStorage": "BOOL",
}

# Where training scripts keep the tensors, beside their optimiser's.
_STATE_DICTS = ("state_dict", "model")

# What the standard library raises for malformed pickles and archives; SystemError is of its unpickler in C.
_MALFORMED = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, EOFError, KeyError, IndexError, TypeError, AttributeError),
    *(ValueError, OverflowError, RuntimeError, MemoryError, SystemError),
)

# The opcodes that give a value a place of their choice.
_REMEMBERS = ("PUT", "BINPUT", "LONG_BINPUT")


class _Storage(NamedTuple):
    """A run of numbers elsewhere in the file."""

    key: str
    numbers: str


class _View(NamedTuple):
    """A tensor: which elements of which storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def elements(self, content: bytes) -> np.ndarray:
        """The tensor, of the storage's `content`."""
        flat = from_bytes(content, self.storage.numbers)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        if min((self.offset, *self.shape, *self.strides)) < 0 or last >= flat.size:
            raise ValueError("a tensor reaches beyond its storage")
        steps = [step * flat.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(flat[self.offset :], self.shape, steps, writeable=False)


def read_torch(content: bytes) -> tuple[dict[str, np.ndarray], str | None]:
    """The tensors of a checkpoint by name, and the network's name where timm's training left it.

    Raises ValueError with the reason if it is none, is damaged, or would run code.
    """
    try:
        root, storages = (_read_legacy if content.startswith(LEGACY_START) else _read_archive)(content)
        tensors = {name: view.elements(storages(view.storage)) for name, view in _state_dict(root).items()}
    except _MALFORMED as error:
        raise ValueError(str(error) or type(error).__name__) from error
    arch = root.get("arch")
    return tensors, arch if isinstance(arch, str) else None


class _TensorUnpickler(pickle.Unpickler):
    """Makes dictionaries, lists, numbers, texts and views of storages, and nothing else."""

    def __init__(self, stream: io.BytesIO):
        super().__init__(stream)
        self._stream = stream
        self.storages: dict[str, _Storage] = {}

    def checked(self) -> Any:
        """What the pickle that the stream is at stands for.

        Its places to remember values by are looked at first: a table of all below the largest is made, and a
        few bytes could ask for one of 64 GB.
        """
        start = self._stream.tell()
        for opcode, argument, _ in pickletools.genops(self._stream):
            if opcode.name in _REMEMBERS and not 0 <= int(argument or 0) < len(self._stream.getbuffer()):
                raise pickle.UnpicklingError(f"it remembers value {argument}, more than it has bytes")
        self._stream.seek(start)
        return self.load()

    def find_class(self, module: str, name: str) -> Any:
        path = f"{module}.{name}"
        if path in _STORAGES:
            return _STORAGES[path]
        # Types in C and bound methods: nothing that a pickle could change.
        allowed: dict[str, Callable[..., Any]] = {
            "collections.OrderedDict": OrderedDict,
            "argparse.Namespace": Namespace,
            "torch._utils._rebuild_tensor": self._view,
            "torch._utils._rebuild_tensor_v2": self._view,
            "torch._utils._rebuild_parameter": self._parameter,
        }
        if path not in allowed:
            raise pickle.UnpicklingError(f"it names {path}, whose code is not run: save a state_dict() alone")
        return allowed[path]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, numbers, key, _location, _size, *view = pid
        if kind != "storage" or numbers not in _STORAGES.values() or any(view):
            raise pickle.UnpicklingError("it refers to what is no plain storage")
        return self.storages.setdefault(key, _Storage(key, numbers))

    def _view(self, storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _View:
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("a tensor has no storage")
        return _View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))

    def _parameter(self, tensor: _View, *_: Any) -> _View:
        return tensor


def _read_archive(content: bytes) -> tuple[Any, Callable[[_Storage], bytes]]:
    archive = zipfile.ZipFile(io.BytesIO(content))
    names = archive.namelist()
    folder = names[0].partition("/")[0]
    if f"{folder}/data.pkl" not in names:
        raise ValueError("the archive holds no data.pkl")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
        raise ValueError("the archive is compressed, which PyTorch's never are")
    if f"{folder}/byteorder" in names and archive.read(f"{folder}/byteorder") != b"little":
        raise ValueError("its numbers are big-endian")
    root = _TensorUnpickler(io.BytesIO(archive.read(f"{folder}/data.pkl"))).checked()
    return root, lambda storage: archive.read(f"{folder}/data/{storage.key}")


def _read_legacy(content: bytes) -> tuple[Any, Callable[[_Storage], bytes]]:
    stream = io.BytesIO(content)
    for _ in ("magic", "version", "system"):
        _TensorUnpickler(stream).checked()
    unpickler = _TensorUnpickler(stream)
    root = unpickler.checked()
    found = {}
    for key in _TensorUnpickler(stream).checked():
        count = int.from_bytes(stream.read(8), "little")
        found[key] = stream.read(count * size_of(unpickler.storages[key].numbers))
    return root, lambda storage: found[storage.key]


def _state_dict(root: Any) -> dict[str, _View]:
    """The views by name of a checkpoint, or of what a training script saved around one."""
    inner = root
    if isinstance(root, dict):
        inner = next((root[key] for key in _STATE_DICTS if isinstance(root.get(key), dict)), root)
    views = {}
    if isinstance(inner, dict):
        views = {str(name): view for name, view in inner.items() if isinstance(view, _View)}
    if not views:
        raise ValueError("it holds no tensors by name: save a state_dict()")
    # What DataParallel puts before each name.
    prefix = "module." if all(name.startswith("module.") for name in views) else ""
    return {name.removeprefix(prefix): view for name, view in views.items()}
