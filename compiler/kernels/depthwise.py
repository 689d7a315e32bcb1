"""Depthwise convolution: every channel by its own kernel, channels in vectors, weights [kh][kw][C]."""

import numpy as np
import onnx_ir as ir

from .kernel import Kernel, array, largest_divisor, nhwc, panel_width
from .spatial import spatial_kernel

# Outputs of one row that are computed together, so that neighbours share the inputs they load.
ROW = 4


def depthwise(node: ir.Node) -> Kernel:
    """The kernel of a fused `DepthwiseConv`, whose weight is [C, 1, kh, kw]."""
    channels, _, kh, kw = array(node.inputs[1]).shape
    return spatial_kernel(
        node,
        f"depthwise{kh}x{kw}",
        np.ascontiguousarray(array(node.inputs[1])[:, 0].transpose(1, 2, 0)),
        lambda x, weight, i, j, k, c: x(c) * weight[i, j, c],
        taps=(kh, kw),
        depth=1,
        width=panel_width(channels),
        rows=largest_divisor(nhwc(node.outputs[0])[2], ROW),
    )
