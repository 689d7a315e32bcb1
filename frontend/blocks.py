"""The block that MobileNetV2, V3 and MnasNet are made of."""

from typing import NamedTuple

import onnx_ir as ir

from .builder import Activation, GraphBuilder
from .shapes import shape_of


class InvertedResidual(NamedTuple):
    """The values of a block that heads read; `expanded` is its input where it does not expand."""

    expanded: ir.Value
    filtered: ir.Value
    output: ir.Value


def conv_bn_act(
    b: GraphBuilder,
    x: ir.Value,
    channels: int,
    activation: Activation | None,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
) -> ir.Value:
    """Convolution without bias, batch norm, activation if any."""
    x = b.batch_norm(b.conv(x, channels, kernel, stride, groups, dilation))
    return b.activation(x, activation) if activation else x


def inverted_residual(
    b: GraphBuilder,
    x: ir.Value,
    channels: int,
    *,
    expanded: int,
    kernel: int,
    stride: int,
    activation: Activation,
    squeezed: int = 0,
    gate: Activation = "hard_sigmoid",
    dilation: int = 1,
) -> InvertedResidual:
    """1x1 expansion, depthwise, squeeze-excite if `squeezed`, linear 1x1 projection, residual if shapes fit.

    The expansion is left out where it would not expand (MobileNetV2, figure 3; MobileNetV3, figure 4).
    """
    channels_in = shape_of(x)[1]
    wide = x
    if expanded != channels_in:
        with b.scope("expand"):
            wide = conv_bn_act(b, x, expanded, activation)
    with b.scope("depthwise"):
        filtered = conv_bn_act(b, wide, expanded, activation, kernel, stride, expanded, dilation)
    y = b.squeeze_excite(filtered, squeezed, gate) if squeezed else filtered
    with b.scope("project"):
        y = conv_bn_act(b, y, channels, None)
    fits = stride == 1 and channels_in == channels
    return InvertedResidual(wide, filtered, b.add(x, y) if fits else y)
