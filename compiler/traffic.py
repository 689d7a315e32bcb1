"""Bytes that a network reads and writes in one inference, beside the least that its layers could do with.

What is counted is what kernels ask for, each tensor once a kernel, whatever caches hold of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from ..frontend.shapes import nbytes_of
from .program import Call, Program, Tensor


@dataclass(frozen=True)
class Traffic:
    """Bytes of one call: activations `read` and `written`, `constants` read, and `scratch`, which is both."""

    read: int
    written: int
    constants: int
    scratch: int

    @classmethod
    def of(cls, call: Call, scratch: int) -> "Traffic":
        """The traffic of `call`, whose function takes so many bytes of `scratch`."""
        tensors = {argument for argument in call.arguments if isinstance(argument, Tensor)}
        arrays = [argument for argument in call.arguments if isinstance(argument, np.ndarray)]
        return cls(
            sum(tensor.nbytes for tensor in tensors),
            sum(tensor.nbytes for tensor in call.outputs),
            sum(array.nbytes for array in arrays),
            scratch,
        )


def traffic_by_function(program: Program, scratch: Mapping[str, int]) -> dict[str, Traffic]:
    """The traffic of a call of each function: all calls of one are of tensors of the same sizes."""
    return {call.function: Traffic.of(call, scratch[call.function]) for call in program.calls}


def least_bytes(fused: ir.Model) -> int:
    """The fewest bytes, read and written, for which the layers with weights of a fused model can be computed.

    Each reads what it is given and its weights, and writes what others read, once; all else is free.
    """
    layers = (node for node in fused.graph if any(_is_constant(value) for value in node.inputs))
    return sum(
        sum(map(nbytes_of, {*node.inputs, *(value for value in node.outputs if value.name)} - {None}))
        for node in layers
    )


def _is_constant(value: ir.Value | None) -> bool:
    return value is not None and value.const_value is not None
