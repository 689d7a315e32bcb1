"""Kernels that can be tuned: a family, its parameters, and which of these are worth measuring."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import onnx_ir as ir

from ...targets import Core
from .kernel import Kernel


@dataclass(frozen=True)
class Template:
    """A family of kernels with parameters, which are a dataclass of the type `parameters`.

    `version` is raised when the same parameters come to mean another kernel: what was measured of the old one
    says nothing of it. `candidates` lists what is worth measuring for a node on a core, the default first.
    """

    name: str
    version: int
    parameters: type
    candidates: Callable[[ir.Node, Core], Sequence[Any]]
    kernel: Callable[[ir.Node, Core, Any], Kernel]

    def read(self, fields: dict[str, Any]) -> Any:
        """Parameters from what `asdict` made of them; raises TypeError if they are of another template."""
        parameters = self.parameters(**fields)
        if asdict(parameters).keys() != fields.keys():
            raise TypeError(f"{self.name} has the parameters {', '.join(asdict(parameters))}")
        return parameters
