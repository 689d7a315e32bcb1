"""Kernels that can be tuned: a family, its parameters, and which of these are worth measuring."""

import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

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
        kinds = get_type_hints(self.parameters)
        if fields.keys() != kinds.keys():
            raise TypeError(f"{self.name} has the parameters {', '.join(kinds)}")
        for name, value in fields.items():
            if not _is_a(value, kinds[name]):
                raise TypeError(f"{self.name} has no {name} {value!r}")
        return self.parameters(**fields)


def _is_a(value: Any, kind: Any) -> bool:
    """Whether JSON's `value` is of a type that parameters have."""
    match get_origin(kind):
        case None:
            return type(value) is kind
        case typing.Literal:
            return value in get_args(kind)
        case _:
            return any(_is_a(value, each) for each in get_args(kind))
