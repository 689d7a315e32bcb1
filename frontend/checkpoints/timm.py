"""timm's names, and which of its networks a checkpoint is of.

stem                      conv_stem, bn1
block4/expand, ...        blocks.STAGE.PLACE.conv_pw, bn1, ...
last                      blocks.STAGE.0.conv, bn1 (MobileNetV3); conv_head, bn2 (V2, MnasNet)
head, classifier          conv_head, classifier
"""

import re
from collections.abc import Collection, Sequence

from .key_rule import TORCH_CARRIES_NOTHING, TORCH_ROLES, KeyRule, Parameter, without_pixel

# With an expansion in front, timm's InvertedResidual; without one, its DepthwiseSeparableConv.
_EXPANDING = {
    ("expand", "conv"): "conv_pw",
    ("expand", "bn"): "bn1",
    ("depthwise", "conv"): "conv_dw",
    ("depthwise", "bn"): "bn2",
    ("project", "conv"): "conv_pwl",
    ("project", "bn"): "bn3",
}
_SEPARABLE = {
    ("depthwise", "conv"): "conv_dw",
    ("depthwise", "bn"): "bn1",
    ("project", "conv"): "conv_pw",
    ("project", "bn"): "bn2",
}
_SQUEEZE_EXCITE = {"se/reduce": "se.conv_reduce", "se/expand": "se.conv_expand"}


def _recognises(names: Collection[str]) -> bool:
    return "conv_stem.weight" in names


def _names(parameters: Sequence[Parameter], available: Collection[str]) -> list[str]:
    scopes = {parameter.scope for parameter in parameters}
    # Where a stage begins is in timm's tables only: the blocks in their order are ours.
    found = (re.match(r"blocks\.(\d+)\.(\d+)\.", name) for name in available)
    places = sorted({(int(match[1]), int(match[2])) for match in found if match})

    def module(parameter: Parameter) -> str:
        block, _, part = parameter.scope.partition("/")
        match block:
            case "stem":
                return {"conv": "conv_stem", "bn": "bn1"}[parameter.layer]
            case "last" if "head" in scopes:
                stage = places[-1][0] if places else 0
                return f"blocks.{stage}.0.{({'conv': 'conv', 'bn': 'bn1'})[parameter.layer]}"
            case "last":
                return {"conv": "conv_head", "bn": "bn2"}[parameter.layer]
            case "head":
                return "conv_head"
            case "classifier":
                return "classifier"
        number = int(block.removeprefix("block")) - 1
        stage, place = places[number] if number < len(places) else (number, 0)
        if part in _SQUEEZE_EXCITE:
            return f"blocks.{stage}.{place}.{_SQUEEZE_EXCITE[part]}"
        parts = _EXPANDING if f"{block}/expand" in scopes else _SEPARABLE
        return f"blocks.{stage}.{place}.{parts[part, parameter.layer]}"

    return [f"{module(parameter)}.{TORCH_ROLES[parameter.role]}" for parameter in parameters]


RULE = KeyRule(_recognises, _names, without_pixel, TORCH_CARRIES_NOTHING)
