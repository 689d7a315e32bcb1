"""What a kernel family gives: TIR with its weights; and what all of them read from a node and a core."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from tvm import tirx
from tvm.tirx.script import builder as T

from ...frontend.shapes import shape_of
from ...targets.cores import Cache, Core
from .vectors import Vector


@dataclass(frozen=True)
class Kernel:
    """One operation as a function.

    `function` takes the node's activations (NHWC), then `constants`, then its outputs (NHWC). `llvm_cpu` is
    the core for which LLVM orders the instructions; None for that which is compiled for. With `in_place`, the
    output may lie where the first activation does.
    """

    family: str
    function: tirx.PrimFunc
    constants: list[np.ndarray]
    macs: int
    llvm_cpu: str | None = None
    in_place: bool = False


def llvm_cpu(core: Core) -> str | None:
    """The core for which LLVM orders the instructions of an ARM core best, unmeasured; None for others.

    An out-of-order core loses nothing by an order for an in-order one.
    """
    return "cortex-a55" if core.machine == "aarch64" else None


def precision_of(node: ir.Node) -> str:
    """The type in which a fused node's weights are stored: "float32", or "float16" (`precision.py`)."""
    return node.attributes.get_string("precision", "float32")


def vector_of(node: ir.Node, core: Core) -> Vector:
    """What `node` is computed in on `core`: in the type of its weights, if the core has such arithmetic."""
    return Vector.of(precision_of(node) if core.has_half else "float32", core)


def dtype_of(value: ir.Value | None) -> str:
    """The type of a value's numbers, as numpy calls it."""
    assert value is not None
    assert value.dtype is not None
    return value.dtype.numpy().name


def argument(name: str, shape: tuple[int, ...], dtype: str) -> tirx.Buffer:
    """A parameter of the function that is being built: a tensor."""
    return T.arg(name, T.buffer(shape, dtype))


def view(buffer: tirx.Buffer, first: tirx.Expr | int, *shape: int) -> tirx.Buffer:
    """What lies in a `buffer` from number `first` on, as a tensor."""
    return T.decl_buffer(shape, buffer.dtype, data=buffer.data, elem_offset=first)


def nhwc(value: ir.Value | None) -> tuple[int, int, int, int]:
    """The NHWC shape of a value whose ONNX shape is NCHW."""
    n, c, h, w = shape_of(value)
    return n, h, w, c


def is_pointwise(node: ir.Node) -> bool:
    """Whether a fused `Conv` sees a pixel at a time, and no padding."""
    return shape_of(node.inputs[1])[2:] == [1, 1] and not any(node.attributes["pads"].as_ints())


def array(value: ir.Value | None) -> np.ndarray:
    """The numbers of a constant, which `fuse.py` has seen to."""
    assert value is not None
    assert value.const_value is not None
    return value.const_value.numpy()


def given(node: ir.Node, number: int) -> ir.Value | None:
    """The optional input `number` of a node."""
    return node.inputs[number] if number < len(node.inputs) else None


def largest_divisor(size: int, limit: int) -> int:
    """The largest divisor of `size` that is at most `limit`."""
    return next(d for d in range(min(size, limit), 0, -1) if size % d == 0)


def holds(cache: Cache | None, nbytes: int) -> bool:
    """Whether so many bytes fit, as far as is known."""
    return cache is None or nbytes <= cache.size
