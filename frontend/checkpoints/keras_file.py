"""Tensors of a Keras checkpoint: `.h5` of Keras 2 and 3, `.weights.h5`, and the `.keras` archive around one.

They come by layer and variable, `expanded_conv_depthwise_bn/gamma`, as Keras 3 spells its layers: Keras 2
has `expanded_conv/depthwise/BatchNorm`. Early files of Keras 3 have no names of layers, only their class and
order: `conv2d_3/kernel`.
"""

import io
import resource
import subprocess
import sys
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import h5py

HDF5_START = b"\x89HDF\r\n\x1a\n"
# The name inside a `.keras` archive.
ARCHIVED = "model.weights.h5"
_LAYER = ("kernel", "bias")
_BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
# An ONNX file holds no more; a small HDF5 file can claim any size.
_MOST_BYTES = 2**31
# What h5py and the standard library raise for files that are damaged, or built otherwise.
_MALFORMED = (
    *(OSError, KeyError, RuntimeError, TypeError, AttributeError, OverflowError, EOFError),
    *(zipfile.BadZipFile, zlib.error, MemoryError),
)
SECONDS = 30


def read_keras(content: bytes) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint, by layer and variable.

    They are read in a process of its own: damaged files make HDF5's library loop or crash. Raises ValueError
    with the reason if it is none or is damaged.
    """
    # Isolated: this file alone, whatever the folder that it stands in has by names of modules.
    command = [sys.executable, "-I", __file__]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"damaged: reading it did not end within {SECONDS} s") from error
    if done.returncode < 0:
        raise ValueError(f"damaged: HDF5 ends by signal {-done.returncode} on it")
    if done.returncode:
        raise ValueError(done.stderr.decode().strip().splitlines()[-1])
    with np.load(io.BytesIO(done.stdout)) as arrays:
        return dict(arrays)


def _read(content: bytes) -> dict[str, np.ndarray]:
    """As `read_keras`, in this process."""
    import h5py  # Here, for it takes a while, and few checkpoints are Keras'.

    try:
        if not content.startswith(HDF5_START):
            archive = zipfile.ZipFile(io.BytesIO(content))
            _check_size(archive.getinfo(ARCHIVED).file_size)
            content = archive.read(ARCHIVED)
        with h5py.File(io.BytesIO(content), "r") as file:
            datasets = dict(_by_name(file) if "layer_names" in _top(file).attrs else _by_class(file))
            for name, dataset in datasets.items():
                if dataset.external or dataset.is_virtual:
                    raise ValueError(f"{name} lies outside the file")
            _check_size(sum(dataset.nbytes for dataset in datasets.values()))
            return {name: dataset[()] for name, dataset in datasets.items()}
    except _MALFORMED as error:
        raise ValueError(f"damaged: {' '.join(str(error).split()) or type(error).__name__}") from error


def _check_size(nbytes: int) -> None:
    if nbytes > _MOST_BYTES:
        raise ValueError(f"it claims to hold more than {_MOST_BYTES:,} bytes")


def _top(file: "h5py.File") -> "h5py.Group":
    """Where the layers are: a whole model has its configuration beside them."""
    return file.get("model_weights", file)


def _by_name(file: "h5py.File") -> "Iterator[tuple[str, h5py.Dataset]]":
    """Keras 2, and `.h5` of Keras 3: a group a layer, which lists its variables in order."""
    for layer in _texts(_top(file).attrs["layer_names"]):
        group = _top(file)[layer]
        datasets = [group[weight] for weight in _texts(group.attrs["weight_names"])]
        yield from _variables(_spelling(layer), datasets)


def _by_class(file: "h5py.File") -> "Iterator[tuple[str, h5py.Dataset]]":
    """Keras 3: `layers/CLASS_NUMBER/vars/0, 1, ...`, where later versions note the name."""
    if "layers" not in file:
        raise ValueError("it holds neither a list of layers nor a group of them")
    for entry, group in file["layers"].items():
        if "vars" in group:
            variables = group["vars"]
            name = variables.attrs.get("name", entry)
            yield from _variables(_spelling(str(name)), [variables[str(n)] for n in range(len(variables))])


def _variables(layer: str, datasets: "Sequence[h5py.Dataset]") -> "Iterator[tuple[str, h5py.Dataset]]":
    """A layer's variables; their order is fixed by its kind, their names are not kept by all formats."""
    names = _BATCH_NORM if len(datasets) == len(_BATCH_NORM) else _LAYER
    for name, dataset in zip(names, datasets, strict=False):
        yield f"{layer}/{name}", dataset


def _texts(attribute: np.ndarray) -> list[str]:
    return [text.decode() if isinstance(text, bytes) else str(text) for text in attribute]


def _spelling(layer: str) -> str:
    return layer.replace("BatchNorm", "bn").replace("/", "_").lower()


def _main() -> None:
    """Read the checkpoint on standard input; its tensors go to standard output, complaints to the other."""
    resource.setrlimit(resource.RLIMIT_AS, (3 * _MOST_BYTES, 3 * _MOST_BYTES))
    try:
        written = io.BytesIO()  # Archives are written back and forth, which a pipe cannot.
        np.savez(written, allow_pickle=False, **_read(sys.stdin.buffer.read()))
    except ValueError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(written.getbuffer())


if __name__ == "__main__":
    _main()
