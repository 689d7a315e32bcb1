"""Keras' names, as `keras_file` spells them.

    stem, last                conv, conv_bn and conv_1, conv_1_bn; V2's stem: conv1, bn_conv1
    block1/depthwise, ...     expanded_conv_depthwise, expanded_conv_depthwise_bn
    block3/se/reduce          expanded_conv_2_squeeze_excite_conv (MobileNetV3)
    block3/depthwise          expanded_conv_2_depthwise (MobileNetV3); block_2_depthwise (V2)
    head, classifier          conv_2, logits (MobileNetV3); predictions (V2)

Where a file has no names of layers, they are counted by class in the order of the network: conv2d, conv2d_1.
"""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from .key_rule import KeyRule, Parameter, without_pixel

_ROLES = {
    **{"weight": "kernel", "bias": "bias"},
    **{"scale": "gamma", "mean": "moving_mean", "var": "moving_variance"},
}
_SQUEEZE_EXCITE = {"se/reduce": "squeeze_excite_conv", "se/expand": "squeeze_excite_conv_1"}
_FIRST_OF_ITS_CLASS = "conv2d/kernel"


def _recognises(names: Collection[str]) -> bool:
    return any(name in names for name in ("conv/kernel", "conv1/kernel", _FIRST_OF_ITS_CLASS))


def _names(parameters: Sequence[Parameter], available: Collection[str]) -> list[str]:
    v2 = not any(parameter.scope == "head" for parameter in parameters)
    layers = list(dict.fromkeys((parameter.scope, parameter.layer) for parameter in parameters))
    counted = _FIRST_OF_ITS_CLASS in available
    called = _by_class(layers, v2) if counted else {layer: _by_name(*layer, v2) for layer in layers}

    def variable(parameter: Parameter) -> str:
        if parameter.layer == "bn" and parameter.role == "bias":
            return "beta"
        return _ROLES[parameter.role]

    return [f"{called[parameter.scope, parameter.layer]}/{variable(parameter)}" for parameter in parameters]


def _by_name(scope: str, layer: str, v2: bool) -> str:
    block, _, part = scope.partition("/")
    if block == "stem" and v2:
        return "conv1" if layer == "conv" else "bn_conv1"
    whole = {
        "stem": "conv",
        "last": "conv_1",
        "head": "conv_2",
        "classifier": "predictions" if v2 else "logits",
    }
    name = whole.get(block)
    if name is None:
        number = int(block.removeprefix("block")) - 1
        prefix = f"{'block' if v2 else 'expanded_conv'}_{number}" if number else "expanded_conv"
        name = f"{prefix}_{_SQUEEZE_EXCITE.get(part, part)}"
    return f"{name}_bn" if layer == "bn" else name


def _by_class(layers: Sequence[tuple[str, str]], v2: bool) -> dict[tuple[str, str], str]:
    counter: Counter[str] = Counter()
    called = {}
    for scope, layer in layers:
        kind = "batch_normalization" if layer == "bn" else "conv2d"
        if scope.endswith("/depthwise") and layer == "conv":
            kind = "depthwise_conv2d"
        if layer == "linear" and v2:
            kind = "dense"
        called[scope, layer] = f"{kind}_{counter[kind]}" if counter[kind] else kind
        counter[kind] += 1
    return called


def _arrange(array: np.ndarray, parameter: Parameter) -> np.ndarray:
    """[height, width, in, out], [height, width, channels, 1] of a depthwise layer, and [in, out], as ours."""
    if array.ndim == 4:
        depthwise = parameter.scope.endswith("/depthwise")
        array = array.transpose(2, 3, 0, 1) if depthwise else array.transpose(3, 2, 0, 1)
    return without_pixel(array.T if array.ndim == 2 else array, parameter)


RULE = KeyRule(_recognises, _names, _arrange)
