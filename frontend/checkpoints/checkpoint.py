"""A checkpoint: named tensors from a local file, whatever framework wrote it."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, deserialize

from ...errors import InvalidModelError, UsageError
from .keras_file import ARCHIVED, HDF5_START, read_keras
from .numbers import from_bytes
from .torch_file import LEGACY_START, read_torch


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, in the framework's layout.

    `network` is what the framework calls the network, where the file, its name or the `config.json` beside it
    tells.
    """

    path: Path
    sha256: str
    tensors: dict[str, np.ndarray]
    network: str


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the checkpoint at `path`: safetensors, PyTorch's `.pth`, Keras' `.h5`, `.weights.h5` or `.keras`.

    The format is told by the content. Nothing in the file is run, and neither PyTorch nor Keras is needed.

    Raises UsageError if it cannot be read, InvalidModelError if it is no checkpoint, is damaged, or could be
    read only by running code.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    try:
        tensors, network = _parse(content)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise InvalidModelError(f"{path} cannot be read as a checkpoint: {reason}") from error
    return Checkpoint(path, hashlib.sha256(content).hexdigest(), tensors, network or _network_of(path))


def _parse(content: bytes) -> tuple[dict[str, np.ndarray], str | None]:
    """The tensors by name, and the network's name if it is inside."""
    if content.startswith(HDF5_START) or _is_keras_archive(content):
        return read_keras(content), None
    if content.startswith((b"PK", LEGACY_START)):
        return read_torch(content)
    try:
        entries = deserialize(content)
    except SafetensorError as error:
        raise ValueError(
            f"it is neither PyTorch's nor Keras', and as safetensors it is damaged ({error})"
        ) from error
    return {name: from_bytes(e["data"], e["dtype"]).reshape(e["shape"]) for name, e in entries}, None


def _is_keras_archive(content: bytes) -> bool:
    try:
        return ARCHIVED in zipfile.ZipFile(io.BytesIO(content)).namelist()
    except (zipfile.BadZipFile, NotImplementedError):  # the second for a version of the format to come
        return False


def _network_of(path: Path) -> str:
    """The name that the file has, or that the `config.json` beside it gives, as timm keeps it on its hub."""
    try:
        config = json.loads((path.parent / "config.json").read_bytes())
    except (OSError, ValueError):
        config = None
    named = config.get("architecture") if isinstance(config, dict) else None
    return named if isinstance(named, str) else path.name
