"""Convolution over all channels, of any kernel size: pointwise, the stem, a full 3x3.

Weights are packed in panels [O / width][kh][kw][I][width], so that the inner loop reads them as a stream.
"""

import numpy as np
import onnx_ir as ir

from .kernel import Kernel, array, largest_divisor, nhwc, panel_width
from .spatial import spatial_kernel

# Of the 32 vector registers; the others hold weights and inputs.
ACCUMULATORS = 24


def conv(node: ir.Node) -> Kernel:
    """The kernel of a fused `Conv`, whose weight is [O, I, kh, kw]."""
    channels, channels_in, kh, kw = array(node.inputs[1]).shape
    width = panel_width(channels)
    panels = array(node.inputs[1]).reshape(-1, width, channels_in, kh, kw).transpose(0, 3, 4, 2, 1)
    vectors = -(-width // 4)
    return spatial_kernel(
        node,
        f"conv{kh}x{kw}",
        np.ascontiguousarray(panels),
        lambda x, weight, i, j, k, c: x(k) * weight[c // width, i, j, k, c % width],
        taps=(kh, kw),
        depth=channels_in,
        width=width,
        rows=largest_divisor(nhwc(node.outputs[0])[2], ACCUMULATORS // vectors),
    )
