"""Which framework's network a checkpoint is of."""

from ...errors import InvalidModelError, UsageError
from ..conventions import Source
from . import keras, timm, torchvision
from .checkpoint import Checkpoint
from .key_rule import KeyRule

RULES: dict[Source, KeyRule] = {
    "torchvision": torchvision.RULE,
    "timm": timm.RULE,
    "timm-tf": timm.RULE,
    "keras": keras.RULE,
}


def recognise(checkpoint: Checkpoint, wanted: Source | None = None) -> Source:
    """The source of `checkpoint`, by the names of its tensors; `wanted`, if given, has to be possible.

    timm's `tf_` networks have the same tensors as its others: there the name of the network decides, which
    the checkpoint or its file has to give.

    Raises InvalidModelError if no source has such tensors, UsageError if it is not of the source `wanted`, or
    could be either of timm's.
    """
    names = checkpoint.tensors.keys()
    possible = [source for source, rule in RULES.items() if rule.recognises(names)]
    if not possible:
        first = ", ".join(list(names)[:3]) or "none"
        raise InvalidModelError(
            f"{checkpoint.path} is of no network that armlet knows from {', '.join(RULES)}: its first "
            f"tensors are {first}"
        )
    if wanted and wanted not in possible:
        raise UsageError(f"{checkpoint.path} is no checkpoint of {wanted}: expected --source {possible[0]}")
    if wanted or len(possible) == 1:
        return wanted or possible[0]
    if checkpoint.network.startswith("tf_"):
        return "timm-tf"
    if checkpoint.network.startswith(("mobilenet", "mnasnet", "semnasnet")):
        return "timm"
    raise UsageError(
        f"{checkpoint.path} may be of timm's own networks or of its tf_ networks, whose tensors have the "
        "same names: say --source timm or --source timm-tf"
    )
