"""Networks with random weights, or with those of a checkpoint."""

from collections.abc import Iterator
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
    """Words for what `checkpoint` is of, if a network at a published width is found that it fits."""
    for name in zoo.ARCHITECTURES:
        for variant in _variants(name):
            # Names do not depend on the width, so that one look is enough for most networks.
            found = _held_against(checkpoint, source, name, width=1.0, **variant)
            if found.missing or found.extra:
                continue
            for width in _WIDTHS:
                found = _held_against(checkpoint, source, name, width=width, **variant)
                if all(each.parameter.scope == "classifier" for each in found.misshapen):
                    classes = {each.found[0] for each in found.misshapen}
                    return f"; it looks like {_command(name, width, variant, classes)}"
    return ""


def _command(name: str, width: float, variant: dict[str, Any], classes: set[int]) -> str:
    """The words after `armlet build`."""
    words = [f"--width {width:g}"] if width != 1 else []
    words += [f"--{option}" for option in variant]
    return " ".join([name, *words, *(f"--classes {number}" for number in classes)])


def _variants(name: str) -> Iterator[dict[str, Any]]:
    yield {}
    if zoo.ARCHITECTURES[name].has_minimalistic:
        yield {"minimalistic": True}


def _held_against(checkpoint: Checkpoint, source: Source, name: str, **options: Any) -> Match:
    return match(zoo.build(name, source=source, resolution=32, **options), checkpoint, source)
