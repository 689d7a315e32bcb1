"""The tensors of a checkpoint as the parameters of a network: all of them, or none."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from ...errors import InvalidModelError
from ..conventions import Source
from ..shapes import shape_of
from .checkpoint import Checkpoint
from .key_rule import Parameter
from .sources import RULES

_LAYERS = ("conv", "bn", "linear")  # Everything else in a graph of ours is no parameter but a constant.
_SHOWN = 3


@dataclass(frozen=True)
class Misshapen:
    """A tensor with another shape than its parameter; both in our layout."""

    parameter: Parameter
    tensor: str
    found: tuple[int, ...]
    expected: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.tensor} {list(self.found)}, expected {list(self.expected)}"


@dataclass(frozen=True)
class Match:
    """A checkpoint held against a network: which tensor is which parameter, and what is left over.

    `arrays` are in our layout. The network can be loaded if nothing is missing, extra or misshapen.
    """

    checkpoint: Checkpoint
    source: Source
    arrays: dict[str, np.ndarray]
    tensors: dict[str, str]
    missing: list[str]
    extra: list[str]
    misshapen: list[Misshapen]

    @property
    def fits(self) -> bool:
        """Whether every parameter has its tensor, and every tensor its parameter."""
        return not (self.missing or self.extra or self.misshapen)

    def complaint(self) -> str:
        """What does not fit, the first few of each kind by name."""
        kinds = (
            ("missing", self.missing),
            ("not expected", self.extra),
            ("of another shape", self.misshapen),
        )
        return "; ".join(f"{len(names)} {kind} ({_few(names)})" for kind, names in kinds if names)


def match(model: ir.Model, checkpoint: Checkpoint, source: Source) -> Match:
    """Find the tensor of each parameter of `model` in `checkpoint`, by the rule of its `source`."""
    rule = RULES[source]
    values = [Parameter.of(name) for name in model.graph.initializers if name.count("/") >= 2]
    parameters = [value for value in values if value.layer in _LAYERS]
    names = rule.names(parameters, checkpoint.tensors.keys())
    arrays, missing, misshapen = {}, [], []
    for parameter, name in zip(parameters, names, strict=True):
        if name not in checkpoint.tensors:
            missing.append(name)
            continue
        array = rule.arrange(checkpoint.tensors[name], parameter)
        expected = tuple(shape_of(model.graph.initializers[str(parameter)]))
        if array.shape == expected:
            arrays[str(parameter)] = array
        else:
            misshapen.append(Misshapen(parameter, name, array.shape, expected))
    unused = sorted(checkpoint.tensors.keys() - set(names))
    extra = [name for name in unused if not name.endswith(rule.carries_nothing)]
    tensors = dict(zip(map(str, parameters), names, strict=True))
    return Match(checkpoint, source, arrays, tensors, missing, extra, misshapen)


def assign(model: ir.Model, match: Match) -> None:
    """Put the tensors of `match`, which must fit, into `model`.

    Raises InvalidModelError, with `model` unchanged, if one holds other than finite floats.
    """
    weights = {}
    for name, array in match.arrays.items():
        tensor = f"{match.checkpoint.path}: {match.tensors[name]}"
        if array.dtype.kind != "f":
            raise InvalidModelError(
                f"{tensor} is of type {array.dtype}, expected floats: not a quantised network"
            )
        weights[name] = np.ascontiguousarray(array, np.float32)
        if not np.isfinite(weights[name]).all():
            raise InvalidModelError(f"{tensor} holds NaN or infinity, expected finite numbers")
    for name, array in weights.items():
        model.graph.initializers[name].const_value = ir.tensor(array, name=name)
    checkpoint = match.checkpoint
    model.metadata_props["armlet.weights"] = (
        f"{checkpoint.path.name} of {match.source}, sha256 {checkpoint.sha256}"
    )


def _few(names: Iterable[object]) -> str:
    shown = [str(name) for name in names]
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")
