"""Which calls a network consists of, and which of them may write where they read."""

from collections import Counter

import pytest

from armlet import build, optimize
from armlet.compiler.lowering import lower
from armlet.compiler.traffic import Traffic, least_bytes
from armlet.targets import find_core

CONV = {"k": (4, 4, 1, 1), "k3": (4, 4, 3, 3)}
# Map s, its gate g, their product t.
SCALED = "s = Conv<pads=[1,1,1,1]>(x, k3) g = GlobalAveragePool(x) t = Mul(s, g)"


@pytest.mark.parametrize(
    ("text", "is_in_place"),
    [
        (f"{SCALED} y = Conv<pads=[1,1,1,1]>(t, k3)", True),
        # The map is read once more, afterwards.
        (f"{SCALED} u = Conv(t, k3) v = Conv(s, k3) y = Add(u, v)", False),
        # It is an input, which belongs to the caller.
        ("g = GlobalAveragePool(x) t = Mul(x, g) y = Conv<pads=[1,1,1,1]>(t, k3)", False),
        # The same memory under another name.
        (f"{SCALED} f = Flatten(s) u = Conv<pads=[1,1,1,1]>(t, k3) r = Flatten(u) y = Add(f, r)", False),
        # The product is an output, which the caller provides.
        (SCALED.replace("t =", "y ="), False),
    ],
)
def test_only_what_nobody_reads_afterwards_is_overwritten(text, is_in_place, parse, fused, error_on_host):
    model = parse(text, "1,4,6,5", **CONV)
    assert bool(lower(fused(model), "nhwc", find_core("host")).in_place) == is_in_place
    error, _ = error_on_host(model)
    assert error < 1e-5


def test_a_chain_in_place_shares_one_memory(parse, fused, error_on_host):
    model = parse(f"{SCALED} u = Mul(t, g) y = Conv(u, k3)", "1,4,6,5", **CONV)
    program = lower(fused(model), "nhwc", find_core("host"))
    assert len(program.in_place) == 2
    error, _ = error_on_host(model)
    assert error < 1e-5


def test_no_pass_over_memory_that_a_fusion_could_have_removed(fused):
    core = find_core("cortex-a76")
    model = fused(optimize(build("mobilenet_v3_large")).model, core)
    program = lower(model, "nchw", core)
    families = Counter(program.kernels[call.function].family for call in program.calls)
    # 46 convolutions, 9 of them within another, two layers of each of 8 squeeze-excites, two of the head, and
    # what is scaled in place.
    assert families == {
        "conv3x3": 1,
        "conv1x1": 30 - 9,
        "depthwise3x3": 4,
        "expand_depthwise3x3": 5,
        "depthwise5x5": 2,
        "expand_depthwise5x5": 4,
        "dense": 2 * 8 + 2,
        "scale": 3,
    }
    assert len(program.in_place) == 3
    traffic = [Traffic.of(call, 0) for call in program.calls]
    assert sum(t.read + t.written + t.constants for t in traffic) < 1.03 * least_bytes(model)
