from collections import Counter

import numpy as np
import pytest

from armlet import build, optimize
from armlet.compiler.kernels.epilogue import Epilogue

SWISH = "u = Mul({y}, sixth) v = Add(u, half) w = Clip(v, zero, one) y = Mul({y}, w)"
NUMBERS = {"sixth": np.float32(1 / 6), "half": np.float32(0.5), "zero": np.float32(0), "one": np.float32(1)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Rows of the tables: perhaps an expansion, a depthwise, a projection; then stem and last conv.
        (
            "mobilenet_v3_large",
            {
                "Conv": 14 + 15 + 2,
                "DepthwiseConv": 15,
                "SqueezeExcite": 8,
                "Dense": 2,
                "GlobalAveragePool": 1,
            },
        ),
        (
            "mobilenet_v3_small",
            {
                "Conv": 10 + 11 + 2,
                "DepthwiseConv": 11,
                "SqueezeExcite": 9,
                "Dense": 2,
                "GlobalAveragePool": 1,
            },
        ),
        ("mobilenet_v2", {"Conv": 16 + 17 + 2, "DepthwiseConv": 17, "Dense": 1, "GlobalAveragePool": 1}),
    ],
)
def test_everything_but_the_flatten_is_a_kernel_of_ours(name, expected, fused):
    model = fused(optimize(build(name)).model)
    ours = Counter(node.op_type for node in model.graph if node.domain == "armlet")
    assert ours == expected
    assert [node.op_type for node in model.graph if node.domain != "armlet"] == ["Flatten"]
    residuals = [node.name for node in model.graph if node.op_type == "Conv" and len(node.inputs) == 4]
    assert len(residuals) == sum(node.op_type == "Add" for node in build(name).graph)


def test_nodes_keep_the_name_of_the_layer(fused):
    model = fused(optimize(build("mobilenet_v3_small")).model)
    names = [node.name for node in model.graph]
    assert {"stem/conv", "block4/depthwise/conv", "block4/se", "head/linear"} <= {*names}


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


def test_grouped_convolution_is_left_unless_depthwise(parse, fused, operators):
    assert operators(fused(parse("y = Conv<group=2>(x, k)", "1,4,5,5", k=(4, 2, 3, 3)))) == ["Conv"]
    depthwise = parse("y = Conv<group=4>(x, k)", "1,4,5,5", k=(4, 1, 3, 3))
    assert operators(fused(depthwise)) == ["armlet.DepthwiseConv"]
    # Two outputs a channel is no plain depthwise.
    assert operators(fused(parse("y = Conv<group=4>(x, k)", "1,4,5,5", k=(8, 1, 3, 3)))) == ["Conv"]


@pytest.mark.parametrize(
    ("text", "shape", "taken"),
    [
        ("y = Gemm(x, m, b)", "1,6", True),
        ("y = Gemm<transB=1>(x, mt)", "1,6", True),
        ("y = Gemm<alpha=2.0>(x, m, b)", "1,6", False),
        ("y = Gemm(x, m, b)", "2,6", False),
        ("y = Gemm<transA=1>(x, m, b)", "6,1", False),
    ],
)
def test_gemm_of_one_row_is_dense(text, shape, taken, parse, fused, operators):
    model = fused(parse(text, shape, m=(6, 5), mt=(5, 6), b=(5,)))
    assert operators(model) == (["armlet.Dense"] if taken else ["Gemm"])
