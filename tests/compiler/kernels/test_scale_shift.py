"""A factor and a shift for each channel: channels that fill vectors and that do not, bytes too."""

import numpy as np
import onnx_ir as ir
import pytest

from armlet.compiler.kernels.scale_shift import scale_shift
from armlet.targets import find_core


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a55", "host"])
@pytest.mark.parametrize("shape", [(5, 7, 3), (1, 1, 3), (4, 4, 4), (3, 9, 1), (2, 3, 67), (1, 5, 2)])
@pytest.mark.parametrize("bytes_in", [True, False])
def test_every_channel_by_its_numbers(bytes_in, shape, core, precision, fused_node, run_kernel, normal):
    height, width, channels = shape
    x = (normal(1, *shape) * 60 + 128).clip(0, 255).astype(np.uint8 if bytes_in else precision)
    factors, shifts = normal(channels) / 60, normal(channels)
    nchw = (1, channels, height, width)
    attributes = {"factors": factors.tolist(), "shifts": shifts.tolist()}
    node = fused_node("ScaleShift", nchw, [nchw], precision, **attributes)
    node.inputs[0].dtype = ir.DataType.from_numpy(x.dtype)
    got = run_kernel(scale_shift(node, find_core(core)), core, x)
    want = x.astype(np.float64) * factors + shifts
    tolerance = {"float32": 3e-7, "float16": 2**-11}[precision]
    assert np.abs(got.reshape(want.shape) - want).max() <= tolerance * (
        np.abs(want).max() + np.abs(shifts).max()
    )
