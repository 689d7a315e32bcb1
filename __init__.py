"""Compile MobileNetV3-class networks for ARM CPUs.

The names below are imported when first used: importing TVM takes seconds, and `armlet --help` must not.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "build": ".frontend",
    "load": ".frontend",
    "optimize": ".passes",
    "compile_model": ".compiler",
    "tune_model": ".compiler",
    "Artifact": ".artifact",
    "open_device": ".targets",
    "CORES": ".targets",
}

__all__ = ["CORES", "Artifact", "build", "compile_model", "load", "open_device", "optimize", "tune_model"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name], __name__), name)
