"""torchvision's names.

stem, last              features.0, features.N; backbone.0, ... in LR-ASPP
block3/expand, ...      features.3.block.0, ... by place among the parts; MobileNetV2: features.3.conv.0, ...
block3/se/reduce        features.3.block.PLACE.fc1
head, classifier        classifier.0, classifier.3; MobileNetV2: classifier.1
"""

from collections.abc import Collection, Sequence

from .key_rule import TORCH_CARRIES_NOTHING, TORCH_ROLES, KeyRule, Parameter, without_pixel

_IN_A_BLOCK = {"conv": "0", "bn": "1"}
_SQUEEZE_EXCITE = {"reduce": "fc1", "expand": "fc2"}


def _recognises(names: Collection[str]) -> bool:
    return "features.0.0.weight" in names


def _names(parameters: Sequence[Parameter], available: Collection[str]) -> list[str]:
    v2 = "features.1.conv.0.0.weight" in available
    scopes = dict.fromkeys(parameter.scope for parameter in parameters)
    blocks = [scope.split("/") for scope in scopes if scope.startswith("block")]
    # The parts of each block, in order: expand, depthwise, se, project, as far as it has them.
    places = {
        block: list(dict.fromkeys(part for b, part, *_ in blocks if b == block)) for block, *_ in blocks
    }

    def module(parameter: Parameter) -> str:
        block, part, *rest = (*parameter.scope.split("/"), "")
        match block:
            case "stem":
                return f"features.0.{_IN_A_BLOCK[parameter.layer]}"
            case "last":
                return f"features.{len(places) + 1}.{_IN_A_BLOCK[parameter.layer]}"
            case "head":
                return "classifier.0"
            case "classifier":
                return "classifier.1" if v2 else "classifier.3"
        place = places[block].index(part)
        number = block.removeprefix("block")
        if part == "se":
            return f"features.{number}.block.{place}.{_SQUEEZE_EXCITE[rest[0]]}"
        if not v2:
            return f"features.{number}.block.{place}.{_IN_A_BLOCK[parameter.layer]}"
        if part == "project":
            return f"features.{number}.conv.{place + (parameter.layer == 'bn')}"
        return f"features.{number}.conv.{place}.{_IN_A_BLOCK[parameter.layer]}"

    return [f"{module(parameter)}.{TORCH_ROLES[parameter.role]}" for parameter in parameters]


RULE = KeyRule(_recognises, _names, without_pixel, TORCH_CARRIES_NOTHING)
