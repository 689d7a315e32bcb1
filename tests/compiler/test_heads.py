"""Networks with other heads than classifiers: armlet's kernels compute them, but for what is named."""

from collections import Counter

import pytest

from armlet import build, optimize
from armlet.compiler.lowering import lower
from armlet.compiler.prepare import prepare
from armlet.targets import find_core

CORE = find_core("cortex-a76")
TINY = {"width": 0.2, "classes": 3, "resolution": (64, 96)}


@pytest.mark.parametrize(
    ("name", "options", "left"),
    [
        ("mnasnet_small", {}, {}),
        ("lraspp_mobilenet_v3_small", {"source": "torchvision"}, {}),
        # The product of two maps.
        ("lraspp_mobilenet_v3_small", {}, {"Mul": 1}),
        ("raspp_mobilenet_v3_small", {}, {"Concat": 1}),
        ("ssdlite_mobilenet_v2", {"postprocess": False}, {"Concat": 2}),
    ],
)
def test_what_is_left_to_tvm(name, options, left):
    optimized = optimize(build(name, **TINY, **options))
    program = lower(prepare(optimized, "fp32", CORE).model, "nchw", CORE)
    assert Counter(fallback.node.op_type for fallback in program.fallbacks) == left
