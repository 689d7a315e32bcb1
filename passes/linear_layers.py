"""Conv and Gemm as what they share: an affine map of their input, one row of weights an output channel.

An affine map of each output channel, `scale * y + shift`, disappears into one:

    W' = scale * W        b' = scale * b + shift
"""

from typing import Any

import numpy as np
import onnx_ir as ir

from .values import constant


def refusal_to_scale(layer: ir.Node) -> str | None:
    """Why the weights of `layer` cannot be changed, or None if they can."""
    if layer.op_type not in ("Conv", "Gemm"):
        return f"{layer.name} is {layer.op_type}: only Conv and Gemm are folded into"
    for role, value in zip(("weight", "bias"), layer.inputs[1:3], strict=False):
        if value is not None and constant(value) is None:
            return f"the {role} of {layer.name} is not constant"
    bias = constant(layer.inputs[2]) if len(layer.inputs) > 2 else None
    if bias is not None and bias.ndim > 1 and bias.size != bias.shape[-1]:
        return f"the bias of {layer.name} differs between rows"
    return None


def weight_of(layer: ir.Node) -> np.ndarray:
    """The weights of a layer, known to be constant."""
    weight = constant(layer.inputs[1])
    assert weight is not None
    return weight


def channels_of(layer: ir.Node) -> int:
    """Output channels of a Conv or Gemm with constant weights."""
    return weight_of(layer).shape[_channel_axis(layer)]


def scaled_and_shifted(op: Any, layer: ir.Node, scale: np.ndarray, shift: np.ndarray) -> ir.Value:
    """The output of a copy of `layer`, its channels multiplied by `scale` and moved by `shift`, each [C].

    Computed in float64 and stored in the weights' type. The copy has weights of its own, so that others
    may share the old ones. `layer` must have passed `refusal_to_scale`.
    """
    weight = weight_of(layer)
    along_channels = [1] * weight.ndim
    along_channels[_channel_axis(layer)] = -1
    new_weight = weight * np.asarray(scale, np.float64).reshape(along_channels)
    new_bias = np.broadcast_to(bias_of(layer) * scale + shift, channels_of(layer))

    attributes = {name: attribute for name, attribute in layer.attributes.items() if name != "beta"}
    return op.op(
        layer.op_type,
        layer.inputs[0],
        op.initializer(ir.tensor(new_weight.astype(weight.dtype)), name=weight_name(layer)),
        op.initializer(ir.tensor(new_bias.astype(weight.dtype)), name=bias_name(layer)),
        **attributes,
    )


def bias_of(layer: ir.Node) -> np.ndarray:
    """What a Conv or Gemm adds to its channels, float64, broadcastable to [C]: zero where it has no bias."""
    bias = constant(layer.inputs[2]) if len(layer.inputs) > 2 else None
    if bias is None:
        return np.zeros(1)
    return layer.attributes.get_float("beta", 1.0) * bias.astype(np.float64).reshape(-1)


def _channel_axis(layer: ir.Node) -> int:
    return 0 if layer.op_type == "Conv" or layer.attributes.get_int("transB", False) else 1


def weight_name(layer: ir.Node) -> str:
    """The name of the layer's weights."""
    assert layer.inputs[1] is not None
    return layer.inputs[1].name or ""


def bias_name(layer: ir.Node) -> str:
    """The name of the layer's bias, or one like that of its weights."""
    if len(layer.inputs) > 2 and layer.inputs[2] is not None:
        return layer.inputs[2].name or ""
    weight = weight_name(layer)
    return f"{weight.removesuffix('weight')}bias" if weight.endswith("weight") else f"{weight}_bias"
