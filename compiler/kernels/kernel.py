"""What a kernel family gives: TIR with its weights."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from tvm import tirx

from ...frontend.shapes import shape_of


@dataclass(frozen=True)
class Kernel:
    """One operation as a function.

    `function` takes the node's activations (NHWC), then `constants`, then its output (NHWC). `llvm_cpu` is
    the core for which LLVM orders the instructions; None for that which is compiled for.
    """

    family: str
    function: tirx.PrimFunc
    constants: list[np.ndarray]
    macs: int
    llvm_cpu: str | None = None


def nhwc(value: ir.Value | None) -> tuple[int, int, int, int]:
    """The NHWC shape of a value whose ONNX shape is NCHW."""
    n, c, h, w = shape_of(value)
    return n, h, w, c


def array(value: ir.Value | None) -> np.ndarray:
    """The numbers of a constant, which `fuse.py` has seen to."""
    assert value is not None
    assert value.const_value is not None
    return value.const_value.numpy()


def largest_divisor(size: int, limit: int) -> int:
    """The largest divisor of `size` that is at most `limit`."""
    return next(d for d in range(min(size, limit), 0, -1) if size % d == 0)
