"""torchvision's names.

    stem, last              features.0, features.N
    block3/expand, ...      features.3.block.0, ... by place among the parts; MobileNetV2: features.3.conv.0
    block3/se/reduce        features.3.block.PLACE.fc1
    head, classifier        classifier.0, classifier.3; MobileNetV2: classifier.1

In LR-ASPP `features` is `backbone`. In SSDLite it is cut in two, `backbone.features.0` and `.1`, behind the
expansion of a block, which is the last of the first; the rest of the block is the first of the second.
"""

import re
from collections.abc import Collection, Sequence

from .key_rule import TORCH_CARRIES_NOTHING, TORCH_ROLES, KeyRule, Parameter, without_pixel

_STEMS = ("features.0.0.weight", "backbone.0.0.weight", "backbone.features.0.0.0.weight")
_LAYERS = {"conv": "0", "bn": "1"}
_SQUEEZE_EXCITE = {"reduce": "fc1", "expand": "fc2"}
_OF_LRASPP = {
    **{"head/features": "classifier.cbr.", "head/gate": "classifier.scale.1"},
    **{"classifier/high": "classifier.high_classifier", "classifier/skip": "classifier.low_classifier"},
}
_EXTRA = {"reduce": "0", "depthwise": "1", "expand": "2"}
_PREDICTORS = {"class": "head.classification_head", "box": "head.regression_head"}


def _recognises(names: Collection[str]) -> bool:
    return any(stem in names for stem in _STEMS)


def _names(parameters: Sequence[Parameter], available: Collection[str]) -> list[str]:
    modules = _Modules(parameters, available)
    return [f"{modules.of(parameter)}.{TORCH_ROLES[parameter.role]}" for parameter in parameters]


class _Modules:
    """The modules of one network by our scopes and layers."""

    def __init__(self, parameters: Sequence[Parameter], available: Collection[str]):
        scopes = [parameter.scope.split("/") for parameter in parameters]
        blocks = [scope for scope in scopes if scope[0].startswith("block")]
        # The parts of each block, in order: expand, depthwise, se, project, as far as it has them.
        self._parts = {
            block: list(dict.fromkeys(part for each, part, *_ in blocks if each == block))
            for block, *_ in blocks
        }
        self._v2 = "features.1.conv.0.0.weight" in available
        self._stem = next((stem for stem in _STEMS if stem in available), _STEMS[0])
        # Where SSDLite's features are cut: theirs tell.
        firsts = [re.match(r"backbone\.features\.0\.(\d+)\.", name) for name in available]
        self._cut = max((int(first[1]) for first in firsts if first), default=None)

    def of(self, parameter: Parameter) -> str:
        scope, layer = parameter.scope, _LAYERS.get(parameter.layer, "")
        block, *rest = scope.split("/")
        if scope in _OF_LRASPP:
            return f"{_OF_LRASPP[scope]}{layer if scope == 'head/features' else ''}"
        if block == "stem":
            return f"{self._features(0)}.{layer}"
        if block == "last":
            return f"{self._features(len(self._parts) + 1)}.{layer}"
        if block == "head":
            return "classifier.0"
        if block == "classifier":
            return "classifier.1" if self._v2 else "classifier.3"
        if block.startswith("extra"):
            return f"backbone.extra.{int(block.removeprefix('extra')) - 1}.{_EXTRA[rest[0]]}.{layer}"
        if block.startswith("predict"):
            place = int(block.removeprefix("predict")) - 1
            layers = f"0.{layer}" if rest[1:] else "1"
            return f"{_PREDICTORS[rest[0]]}.module_list.{place}.{layers}"
        return self._part(block, rest, parameter.layer)

    def _part(self, block: str, rest: Sequence[str], layer: str) -> str:
        """A layer of a part of `block`; `rest` is the part, and which of squeeze-excite's two."""
        number, place = int(block.removeprefix("block")), self._parts[block].index(rest[0])
        features = self._features(number)
        if number == self._cut:
            if rest[0] == "expand":
                return f"backbone.features.0.{number}.{_LAYERS[layer]}"
        else:
            features += ".conv" if self._v2 else ".block"
        if rest[0] == "se":
            return f"{features}.{place}.{_SQUEEZE_EXCITE[rest[1]]}"
        if self._v2 and rest[0] == "project":
            return f"{features}.{place + int(_LAYERS[layer])}"
        return f"{features}.{place}.{_LAYERS[layer]}"

    def _features(self, number: int) -> str:
        if self._cut is not None:
            behind = number >= self._cut
            return f"backbone.features.{int(behind)}.{number - self._cut * behind}"
        return f"{self._stem.removesuffix('.0.0.weight')}.{number}"


RULE = KeyRule(_recognises, _names, without_pixel, TORCH_CARRIES_NOTHING)
