"""A map times its gate, on both kinds of core; in place in `tests/compiler/test_program.py`."""

import numpy as np
import pytest

from armlet.compiler.kernels.scale import scale
from armlet.targets import find_core


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
@pytest.mark.parametrize("channels", [1, 3, 4, 7, 32, 67])
@pytest.mark.parametrize("gates", [(1, 1), (5, 4)])
def test_every_channel_by_its_number(gates, channels, core, fused_node, run_kernel, normal):
    shape = (1, channels, 5, 4)
    kernel = scale(fused_node("Scale", shape, [shape, (1, channels, *gates)]), find_core(core))
    x, gate = normal(1, 5, 4, channels), normal(1, *gates, channels)
    out = run_kernel(kernel, core, x.reshape(20, channels), gate.reshape(-1, channels))
    np.testing.assert_array_equal(out, (x * gate).reshape(out.shape))
