"""What is the same of every peer: its packages, how a model is converted for it, and what runs it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx_ir as ir

# "default" leaves the choice to the engine, as ncnn's benchmark program does.
Precision = Literal["fp32", "fp16", "default"]

SCRIPTS = Path(__file__).parent / "engines"


@dataclass(frozen=True)
class Network:
    """A network: what armlet calls it, and what builds it, with random weights from a seed."""

    name: str
    build: Callable[[], ir.Model]


@dataclass(frozen=True)
class Peer:
    """An engine for ARM CPUs.

    `wheels` are the packages that `script`, in the folder engines, imports. It is called as
    `script MODEL PRECISION IMAGE OUTPUT`: MODEL is a folder that `convert(network, precision, folder)` filled
    with the help of the packages `tools`, IMAGE and OUTPUT are .npy files in NCHW. Its inference it gives to
    `region.repeat`, which on_arm64 has one of and on_host another. `same_weights` says whether the conversion
    keeps the weights, so that outputs can be compared.
    """

    name: str
    title: str
    wheels: tuple[str, ...]
    tools: tuple[str, ...]
    script: str
    convert: Callable[[Network, Precision, Path], None]
    precisions: tuple[Precision, ...] = ("fp32", "fp16")
    same_weights: bool = True
