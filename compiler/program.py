"""What a compiled network is: calls of C functions in order, on tensors that live between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from tvm import tirx

from .kernels import Kernel

if TYPE_CHECKING:
    from .fallback import Fallback


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor that the network computes, or is given: its shape as it lies in memory."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        """Its bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


@dataclass(frozen=True)
class Call:
    """A call of `function` for the ONNX node `layer`: pointers to `arguments`, then to `outputs`."""

    function: str
    layer: str
    arguments: Sequence[Tensor | np.ndarray]
    outputs: Sequence[Tensor]


@dataclass
class Program:
    """A network: its `calls` in order, and the TIR of each function; which of these are `kernels` of ours.

    The caller sees `outputs` in `output_shapes`: a reshaping leaves the tensor in memory as it is. `parts`
    lie in another tensor, so many bytes from its start. `fallbacks` are the nodes whose functions are TVM's.
    """

    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    output_shapes: list[Sequence[int]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    parts: dict[Tensor, tuple[Tensor, int]] = field(default_factory=dict)
    functions: dict[str, tirx.PrimFunc] = field(default_factory=dict)
    kernels: dict[str, Kernel] = field(default_factory=dict)
    fallbacks: "list[Fallback]" = field(default_factory=list)

    @property
    def in_place(self) -> dict[Tensor, Tensor]:
        """Outputs that may lie where an argument of their call does, which nobody reads afterwards."""
        last = {
            argument: number
            for number, call in enumerate(self.calls)
            for argument in call.arguments
            if isinstance(argument, Tensor)
        }
        fixed = {*self.inputs, *self.outputs, *self.parts, *(whole for whole, _ in self.parts.values())}
        found = {}
        for number, call in enumerate(self.calls):
            if call.function in self.kernels and self.kernels[call.function].in_place:
                argument, (output,) = call.arguments[0], call.outputs
                if (
                    isinstance(argument, Tensor)
                    and last[argument] == number
                    and not fixed & {argument, output}
                ):
                    found[output] = argument
        return found

    def join(self, tensors: Sequence[Tensor | np.ndarray], whole: Tensor) -> bool:
        """Have `tensors`, which calls put out, lie in `whole`, one behind the other; whether they can."""
        fixed = {*self.inputs, *self.parts}
        apart = len({id(tensor) for tensor in tensors}) == len(tensors)
        if not apart or any(
            isinstance(tensor, np.ndarray) or tensor in fixed or tensor.dtype != whole.dtype
            for tensor in tensors
        ):
            return False
        start = 0
        for tensor in tensors:
            assert isinstance(tensor, Tensor)
            self.parts[tensor] = whole, start
            start += tensor.nbytes
        return True

    @property
    def layers(self) -> Mapping[str, list[str]]:
        """The nodes for which each function is called, in order."""
        layers: dict[str, list[str]] = {call.function: [] for call in self.calls}
        for call in self.calls:
            layers[call.function].append(call.layer)
        return layers
