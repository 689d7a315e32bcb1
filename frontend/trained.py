"""Networks with random weights, or with those of a checkpoint."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx_ir as ir

from ..errors import InvalidModelError
from . import zoo
from .checkpoints import Checkpoint, Match, assign, match, read_checkpoint, recognise
from .conventions import Source

# The widths that are published.
_WIDTHS = (1.0, 0.75, 0.5, 0.35, 1.25, 1.4)


def build(
    name: str, *, source: Source | None = None, weights: Path | None = None, **options: Any
) -> ir.Model:
    """Build network `name` (`zoo.build` lists the options) with random weights, or those of a checkpoint.

    `weights` is a file of torchvision's, timm's or Keras'; the network becomes theirs (`source`), which is
    told from the checkpoint unless given. Without `weights` the source is "paper" unless given.

    Raises what `zoo.build` and `read_checkpoint` do, UsageError if the source cannot be told,
    InvalidModelError if the checkpoint does not fit the network: nothing is loaded in part.
    """
    if weights is None:
        return zoo.build(name, source=source or "paper", **options)
    checkpoint = read_checkpoint(weights)
    source = recognise(checkpoint, source)
    model = zoo.build(name, source=source, **options)
    found = match(model, checkpoint, source)
    if not found.fits:
        raise InvalidModelError(
            f"{weights} ({source}) does not fit {name}: {found.complaint()}{_looks_like(checkpoint, source)}"
        )
    assign(model, found)
    return model


def _looks_like(checkpoint: Checkpoint, source: Source) -> str:
    """Words for what `checkpoint` is of, if a network is found that it fits at a published width."""
    for name, variant in _networks(source):
        # Names do not depend on the width: for most networks one look is enough.
        found = _held_against(checkpoint, source, name, 1.0, variant)
        for width in () if found.missing or found.extra else _WIDTHS:
            found = _held_against(checkpoint, source, name, width, variant)
            other = {each.found[0] for each in found.misshapen}
            if not found.misshapen or (_is_of_classes(found) and len(other) == 1):
                return f"; it looks like {_command(name, width, variant, other)}"
    return ""


def _networks(source: Source) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names of networks that `source` has, with each of the variants that change more than channels."""
    for name, architecture in zoo.ARCHITECTURES.items():
        if source in architecture.forms:
            known = {**architecture.options, **architecture.forms[source].defaults}
            yield name, {}
            for variant in ("minimalistic", "reduced_tail"):
                if variant in known:
                    yield name, {variant: not known[variant]}


def _held_against(
    checkpoint: Checkpoint, source: Source, name: str, width: float, variant: Mapping[str, Any]
) -> Match:
    return match(zoo.build(name, source=source, width=width, **variant), checkpoint, source)


def _is_of_classes(found: Match) -> bool:
    """Whether only layers differ that have a channel a class."""
    return all(each.parameter.scope.startswith("classifier") for each in found.misshapen)


def _command(name: str, width: float, variant: Mapping[str, Any], classes: Collection[int]) -> str:
    """The words after `armlet build`."""
    words = [name] + ([f"--width {width:g}"] if width != 1 else [])
    for option, value in variant.items():
        words.append(f"--{option.replace('_', '-')}" if value else "--full-tail")
    return " ".join(words + [f"--classes {number}" for number in classes])
