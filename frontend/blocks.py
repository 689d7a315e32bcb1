"""The block that MobileNetV2 and V3 are made of."""

import onnx_ir as ir

from .builder import Activation, GraphBuilder
from .shapes import shape_of


def conv_bn_act(
    b: GraphBuilder,
    x: ir.Value,
    channels: int,
    activation: Activation | None,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
) -> ir.Value:
    """Convolution without bias, batch norm, activation if any."""
    x = b.batch_norm(b.conv(x, channels, kernel, stride, groups))
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
    squeezed: int | None = None,
) -> ir.Value:
    """1x1 expansion, depthwise, squeeze-excite if `squeezed`, linear 1x1 projection, residual if shapes fit.

    The expansion is left out where it would not expand (MobileNetV2, figure 3; MobileNetV3, figure 4).
    """
    channels_in = shape_of(x)[1]
    y = x
    if expanded != channels_in:
        with b.scope("expand"):
            y = conv_bn_act(b, y, expanded, activation)
    with b.scope("depthwise"):
        y = conv_bn_act(b, y, expanded, activation, kernel, stride, groups=expanded)
    if squeezed:
        y = b.squeeze_excite(y, squeezed)
    with b.scope("project"):
        y = conv_bn_act(b, y, channels, None)
    return b.add(x, y) if stride == 1 and channels_in == channels else y
