import numpy as np
import pytest

from armlet import optimize

SQUEEZE_EXCITE = """p = GlobalAveragePool(x) r = Conv(p, w1, b1) a = Relu(r) e = Conv(a, w2, b2)
    g = HardSigmoid<alpha=0.16666667>(e) y = Mul(x, g)"""


def taken(operators, model):
    """The op types of the nodes that armlet computes."""
    return [name.removeprefix("armlet.") for name in operators(model) if name.startswith("armlet.")]


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


def test_squeeze_excite_is_taken_apart(parse, fused, operators):
    weights = {"w1": (3, 8, 1, 1), "b1": (3,), "w2": (8, 3, 1, 1), "b2": (8,)}
    model = fused(optimize(parse(SQUEEZE_EXCITE, "1,8,5,5", **weights)).model)
    assert taken(operators, model) == ["GlobalAveragePool", "Conv", "Conv", "Scale"]
    assert [node.name for node in model.graph] == ["y/squeeze", "y/reduce", "y/expand", "y"]
    assert [list(node.outputs[0].shape) for node in model.graph] == [
        *([1, channels, 1, 1] for channels in (8, 3, 8)),
        [1, 8, 5, 5],
    ]
    assert not model.functions


@pytest.mark.parametrize(
    ("text", "shape", "is_taken"),
    [
        ("p = GlobalAveragePool(x) y = Mul(x, p)", "1,4,6,5", True),
        ("p = GlobalAveragePool(x) y = Mul(p, x)", "1,4,6,5", True),
        ("y = Mul(x, channel)", "1,4,6,5", False),
        ("y = Mul(x, x)", "1,4,6,5", False),
        ("p = ReduceMean(x, axis) y = Mul(x, p)", "1,4,6,5", False),
        # A map of one pixel: no pass over a map.
        ("p = GlobalAveragePool(x) y = Mul(x, p)", "1,4,1,1", False),
    ],
)
def test_a_map_times_a_number_for_each_channel_is_scaled(text, shape, is_taken, parse, fused, operators):
    model = parse(text, shape, channel=(1, 4, 1, 1), axis=np.array([1]))
    assert ("Scale" in taken(operators, fused(model))) == is_taken
