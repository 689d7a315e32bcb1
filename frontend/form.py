"""What a head is to the zoo: how it is built, and what can be asked of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from .backbone import Tail
from .conventions import Normalisation


@dataclass(frozen=True)
class Form:
    """A head as a source has it, with a default for each option that it knows.

    `head` adds to a builder, on an image, a backbone and the head, and returns the outputs by name. With the
    option `reduced_tail`, a half of the backbone's tail is left out in this way. Pictures are normalised as
    the source does unless `normalisation` says otherwise, and go in whole unless they are `cropped`.
    """

    head: Callable[..., dict[str, ir.Value]]
    defaults: Mapping[str, Any]
    reduced_tail: Tail = "halved_behind"
    normalisation: Normalisation | None = None
    cropped: bool = False
