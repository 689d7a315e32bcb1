"""ONNX graphs: built from the papers' tables, or read from a file."""

from .counts import Counts, LayerCount, count
from .importer import load
from .source import open_model
from .trained import build
from .writer import save
from .zoo import ARCHITECTURES, Architecture

__all__ = [
    "ARCHITECTURES",
    "Architecture",
    "Counts",
    "LayerCount",
    "build",
    "count",
    "load",
    "open_model",
    "save",
]
