from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from armlet import build, optimize
from armlet.compiler.fuse import FUSIONS, fuse
from armlet.compiler.kernels.epilogue import Epilogue
from armlet.targets import find_core
from armlet.targets.cores import Cache

SWISH = "u = Mul({y}, sixth) v = Add(u, half) w = Clip(v, zero, one) y = Mul({y}, w)"
NUMBERS = {"sixth": np.float32(1 / 6), "half": np.float32(0.5), "zero": np.float32(0), "one": np.float32(1)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Rows of the tables: perhaps an expansion, a depthwise, a projection; then stem and last conv; two
        # layers of each squeeze-excite, and a pass over the map only where the projection has more weights.
        (
            "mobilenet_v3_large",
            {
                "Conv": 14 + 15 + 2 + 2 * 8,
                "DepthwiseConv": 15,
                "Scale": 3,
                "Dense": 2,
            },
        ),
        (
            "mobilenet_v3_small",
            {
                "Conv": 10 + 11 + 2 + 2 * 9,
                "DepthwiseConv": 11,
                "Scale": 3,
                "Dense": 2,
            },
        ),
        ("mobilenet_v2", {"Conv": 16 + 17 + 2, "DepthwiseConv": 17, "Dense": 1}),
    ],
)
def test_everything_but_the_flatten_is_a_kernel_of_ours(name, expected, fused):
    model = fused(optimize(build(name)).model)
    ours = Counter(node.op_type for node in model.graph if node.domain == "armlet")
    assert ours == expected
    assert [node.op_type for node in model.graph if node.domain != "armlet"] == ["Flatten"]
    residuals = [node for node in model.graph if node.op_type == "Conv" and any(node.inputs[3:4])]
    assert len(residuals) == sum(node.op_type == "Add" for node in build(name).graph)


def test_nodes_keep_the_name_of_the_layer(fused):
    model = fused(optimize(build("mobilenet_v3_small")).model)
    names = [node.name for node in model.graph]
    assert {"stem/conv", "block4/depthwise/conv", "block9/se", "head/linear"} <= {*names}


@pytest.mark.parametrize(
    ("left_out", "computed"),
    [
        (None, {"s": ["s", "t", "r"], "d": ["d", "m"], "p": ["u", "p"]}),
        ("residual", {"d": ["d", "m"], "p": ["u", "p"]}),
        ("activation", {"s": ["s", "t"], "d": ["d", "m"], "p": ["u", "p"]}),
        ("squeeze", {"s": ["s", "t", "r"], "p": ["u", "p"]}),
        ("gate", {"s": ["s", "t", "r"], "d": ["d", "m"]}),
    ],
)
def test_it_says_which_nodes_became_one(left_out, computed, parse):
    text = (
        "s = Conv(x, k) t = Add(s, x) r = Relu(t) d = Conv<group=4>(r, kd) m = GlobalAveragePool(d) "
        "u = Mul(x, m) p = Conv(u, k) y = Tanh(p)"
    )
    model = parse(text, "1,4,5,5", k=(4, 4, 1, 1), kd=(4, 1, 3, 3))
    left = [fusion for fusion in FUSIONS if fusion.name != left_out]
    assert fuse(model, find_core("cortex-a53"), left) == computed


def test_an_expansion_that_is_gone_is_among_them(parse):
    text = "s = Conv(x, k) t = Relu(s) u = Conv<group=24>(t, kd) y = Relu(u)"
    model = parse(text, "1,8,11,10", k=(24, 8, 1, 1), kd=(24, 1, 3, 3))
    core = replace(find_core("host"), l2=Cache(8 << 10, 4))
    assert fuse(model, core) == {"u": ["s", "t", "u", "y"]}


@pytest.mark.parametrize(
    ("text", "activation", "low", "high"),
    [
        ("s = Conv(x, k) y = Relu(s)", "clip", 0, np.inf),
        ("s = Conv(x, k) y = Clip(s, zero, one)", "clip", 0, 1),
        ("s = Conv(x, k) y = Clip(s, , one)", "clip", -np.inf, 1),
        ("s = Conv(x, k) " + SWISH.format(y="s"), "hard_swish", -np.inf, np.inf),
        (
            "s = Conv(x, k) u = Mul(sixth, s) v = Add(half, u) w = Clip(v, zero, one) y = Mul(w, s)",
            "hard_swish",
            -np.inf,
            np.inf,
        ),
    ],
)
def test_activations_go_into_the_epilogue(text, activation, low, high, parse, fused, operators):
    model = fused(parse(text, "1,3,5,5", k=(4, 3, 1, 1), **NUMBERS))
    assert operators(model) == ["armlet.Conv"]
    epilogue = Epilogue.of(model.graph[0])
    assert epilogue == Epilogue(activation, low, high)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("s = Conv(x, k) t = Relu(s) y = Add(s, t)", ["armlet.Conv", "Relu", "Add"]),
        ("s = Conv(x, k) t = Relu(s) y = Clip(t, zero, one)", ["armlet.Conv", "Clip"]),
        ("s = Conv(x, k) y = Add(s, one)", ["armlet.Conv", "Add"]),
        ("s = Conv(x, k) t = Relu(s) y = Add(t, x)", ["armlet.Conv", "Add"]),
        ('s = Conv<auto_pad="SAME_UPPER">(x, k) y = Relu(s)', ["Conv", "Relu"]),
        ("s = Conv(x, x) y = Relu(s)", ["Conv", "Relu"]),
        # Not h-swish: another slope.
        ("s = Conv(x, k) u = Mul(s, half) v = Add(u, half) w = Clip(v, zero, one) y = Mul(s, w)", 5),
    ],
)
def test_what_is_not_the_same_is_left(text, left, parse, fused, operators):
    model = fused(parse(text, "4,4,1,1", k=(4, 4, 1, 1), **NUMBERS))
    found = operators(model)
    assert (len(found) if isinstance(left, int) else found) == left


def test_a_second_residual_stays_an_addition(parse, fused, operators):
    model = fused(parse("s = Conv(x, k) t = Add(s, x) y = Add(t, x)", "1,4,5,5", k=(4, 4, 1, 1)))
    assert operators(model) == ["armlet.Conv", "Add"]


# A map t, its gate g, their product u.
GATED = "t = Conv(x, k) g = GlobalAveragePool(x) u = Mul(t, g)"


@pytest.mark.parametrize(
    ("text", "shape", "is_fused"),
    [
        (f"{GATED} y = Conv(u, k)", "1,4,5,5", True),
        (f"{GATED} y = Conv<strides=[2,2]>(u, k, b)", "1,4,5,5", True),
        (f"{GATED} v = Conv(u, k) w = Relu(v) y = Add(w, t)", "1,4,5,5", True),
        # Addition after the gate, and an activation after that.
        (f"{GATED} v = Conv(u, k) w = Add(v, x) y = Relu(w)", "1,4,5,5", True),
        # One gate of two maps.
        (f"{GATED} v = Mul(x, g) w = Conv(u, k) z = Conv(v, k) y = Add(w, z)", "1,4,5,5", True),
        # The product has other readers, or it is an output.
        (f"{GATED} v = Conv(u, k) y = Add(u, v)", "1,4,5,5", False),
        (f"{GATED} v = Conv(u, k) w = Conv(u, k) y = Add(v, w)", "1,4,5,5", False),
        # More weights than map; a window.
        (f"{GATED} y = Conv(u, k)", "1,4,2,2", False),
        (f"{GATED} y = Conv(u, k3)", "1,4,5,5", False),
        (f"{GATED} y = Conv<pads=[1,1,1,1]>(u, k)", "1,4,5,5", False),
        (f"{GATED} y = Conv<group=4>(u, kd)", "1,4,5,5", False),
    ],
)
def test_a_gate_goes_into_the_weights_of_who_alone_reads_the_product(
    text, shape, is_fused, parse, fused, operators, error_on_host
):
    weights = {"k": (4, 4, 1, 1), "k3": (4, 4, 3, 3), "kd": (4, 1, 1, 1), "b": (4,)}
    model = parse(text, shape, **weights)
    assert ("armlet.Scale" not in operators(fused(model))) == is_fused
    error, _ = error_on_host(model)
    assert error < 1e-5


@pytest.mark.parametrize(
    ("text", "is_fused"),
    [
        ("s = conv p = GlobalAveragePool(s) y = Add(s, p)", True),
        ("s = conv r = Relu(s) p = GlobalAveragePool(r) y = Add(r, p)", True),
        # The same mean twice.
        (
            "s = conv p = GlobalAveragePool(s) q = GlobalAveragePool(s) t = Add(s, p) y = Mul(t, q)",
            True,
        ),
        # Of the sum before its activation, which has other readers.
        ("s = conv r = Sigmoid(s) p = GlobalAveragePool(s) y = Mul(r, p)", True),
        # Not of what the depthwise convolution puts out.
        ("s = conv r = Sigmoid(s) p = GlobalAveragePool(r) y = Mul(r, p)", False),
        ("p = GlobalAveragePool(x) s = conv y = Add(s, p)", False),
    ],
)
@pytest.mark.parametrize("conv", ["Conv<group=4>(x, kd)", "Conv(x, k)", "Conv(x, k3)"])
def test_the_mean_of_a_convolution_comes_with_it(
    conv, text, is_fused, parse, fused, operators, error_on_host
):
    weights = {"kd": (4, 1, 3, 3), "k": (4, 4, 1, 1), "k3": (4, 4, 3, 3)}
    model = parse(text.replace("conv", conv), "1,4,6,5", **weights)
    assert ("armlet.GlobalAveragePool" not in operators(fused(model))) == is_fused
    error, _ = error_on_host(model)
    assert error < 1e-5


@pytest.mark.parametrize("conv", ["Conv<group=4>(x, kd)", "Conv(x, k)", "Conv(x, k3)"])
def test_a_map_of_which_only_the_mean_is_read_is_not_stored(conv, parse, fused, error_on_host):
    weights = {"kd": (4, 1, 3, 3), "k": (4, 4, 1, 1), "k3": (4, 4, 3, 3)}
    model = parse(f"s = {conv} t = Relu(s) y = GlobalAveragePool(t)", "1,4,6,5", **weights)
    (node,) = fused(model).graph
    assert [output.name for output in node.outputs] == ["", "y"]
    error, program = error_on_host(model)
    assert error < 1e-5
    assert [tensor.shape for tensor in program.calls[0].outputs] == [(1, 1, 1, 4)]


def test_the_mean_of_one_pixel_is_left(parse, fused, operators, error_on_host):
    model = parse("s = Conv(x, k) y = GlobalAveragePool(s)", "1,4,1,1", k=(4, 4, 1, 1))
    assert operators(fused(model)) == ["armlet.Conv", "armlet.GlobalAveragePool"]
    assert error_on_host(model)[0] < 1e-5


EXPANDED = "s = Conv(x, k, c) t = Clip(s, zero, six) u = Conv<group=24, pads=[1,1,1,1]>(t, kd, c)"


@pytest.mark.parametrize(
    ("text", "is_fused"),
    [
        (EXPANDED + " y = Relu(u)", True),
        (EXPANDED + " v = GlobalAveragePool(u) y = Mul(u, v)", True),
        ("s = Conv(x, k) y = Conv<group=24, strides=[2,2], dilations=[2,2]>(s, kd)", True),
        # Others read the map, it is an output of a larger window, or it is added to.
        (EXPANDED + " y = Add(u, t)", False),
        (EXPANDED + " v = GlobalAveragePool(t) y = Mul(u, v)", False),
        ("s = Conv<pads=[1,1,1,1]>(x, k3, c) y = Conv<group=24>(s, kd)", False),
        ("s = Conv<strides=[2,2]>(x, k, c) y = Conv<group=24, pads=[1,1,1,1]>(s, kd)", False),
        ("s = Conv(x, k) t = Conv(x, k) r = Add(s, t) y = Conv<group=24, pads=[1,1,1,1]>(r, kd)", False),
    ],
)
def test_an_expansion_goes_into_the_depthwise_convolution_that_alone_reads_it(
    text, is_fused, parse, fused, operators, error_on
):
    weights = {"k": (24, 8, 1, 1), "k3": (24, 8, 3, 3), "kd": (24, 1, 3, 3), "c": (24,)}
    bounds = {"zero": np.float32(0), "six": np.float32(6)}
    model = parse(text, "1,8,11,10", **weights, **bounds)
    core = replace(find_core("host"), l2=Cache(8 << 10, 4))
    error, program = error_on(core, model)
    assert error < 1e-5
    families = {kernel.family for kernel in program.kernels.values()}
    assert ("expand_depthwise3x3" in families) == is_fused
    assert ("conv1x1" in families) != is_fused or "k3" in text


@pytest.mark.parametrize(("size", "is_fused"), [(23, False), (24, True)])
def test_a_map_that_the_second_cache_holds_is_left(size, is_fused, parse, fused, operators):
    """8 + 24 channels of 23 x 23 pixels take 66 KB, of 24 x 24 they take 72."""
    text = "s = Conv(x, k) y = Conv<group=24, pads=[1,1,1,1]>(s, kd)"
    model = parse(text, f"1,8,{size},{size}", k=(24, 8, 1, 1), kd=(24, 1, 3, 3))
    core = replace(find_core("host"), l2=Cache(140 << 10, 4))
    assert (len(operators(fused(model, core))) == 1) == is_fused
    assert len(operators(fused(model, replace(core, l2=None)))) == 2
