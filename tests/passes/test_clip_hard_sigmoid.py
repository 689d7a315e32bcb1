import numpy as np
import pytest

from armlet.passes import optimize
from armlet.passes.clip_hard_sigmoid import clip_hard_sigmoid

GATE = "HardSigmoid <alpha: float = 0.16666667, beta: float = 0.5>"
RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(4, 4, 1, 1)).astype(np.float32)
BIAS = RNG.normal(size=4).astype(np.float32)


def weights_of(model):
    return {name: value.const_value.numpy() for name, value in model.graph.initializers.items()}


def test_the_affine_half_goes_into_the_conv(parse, operators, run, x):
    model = parse(f"c = Conv (x, w, b) y = {GATE} (c)", w=WEIGHT, b=BIAS)
    optimized = optimize(model).model
    assert operators(optimized) == {"Conv": 1, "Clip": 1}
    np.testing.assert_allclose(weights_of(optimized)["w"], WEIGHT / 6, rtol=1e-6)
    np.testing.assert_allclose(weights_of(optimized)["b"], BIAS / 6 + 0.5, rtol=1e-6)
    np.testing.assert_allclose(run(optimized, x), run(model, x), atol=2e-5)


@pytest.mark.parametrize("attributes", ["", "<transB: int = 1, alpha: float = 0.5, beta: float = 2.0>"])
def test_into_a_gemm(attributes, parse, operators, run):
    model = parse(f"c = Gemm {attributes} (x, w, b) y = {GATE} (c)", shape="3,4", w=WEIGHT[..., 0, 0], b=BIAS)
    optimized = optimize(model).model
    assert operators(optimized) == {"Gemm": 1, "Clip": 1}
    x = RNG.normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(run(optimized, x), run(model, x), atol=1e-6)


def test_a_bias_is_made_where_there_is_none(parse, operators):
    optimized = optimize(parse(f"c = Conv (x, w) y = {GATE} (c)", w=WEIGHT)).model
    np.testing.assert_array_equal(weights_of(optimized)["w_bias"], np.full(4, 0.5, np.float32))


def test_a_shared_weight_is_scaled_in_a_copy(parse, run, x):
    model = parse(f"c = Conv (x, w) g = {GATE} (c) d = Conv (g, w) y = Relu (d)", w=WEIGHT)
    optimized = optimize(model).model
    np.testing.assert_array_equal(weights_of(optimized)["w"], WEIGHT)
    np.testing.assert_allclose(weights_of(optimized)["w_1"], WEIGHT / 6, rtol=1e-6)
    np.testing.assert_allclose(run(optimized, x), run(model, x), atol=2e-5)


def test_elsewhere_it_stands_alone(parse, operators):
    used_twice = f"c = Conv (x, w) g = {GATE} (c) y = Add (g, c)"
    assert operators(optimize(parse(used_twice, w=WEIGHT)).model) == {
        "Conv": 1,
        "Mul": 1,
        "Add": 2,
        "Clip": 1,
    }


def test_any_slope_and_offset_become_a_clip(parse, operators, run, x):
    model = parse("y = HardSigmoid <alpha: float = 0.2, beta: float = 0.4> (x)")
    optimized = optimize(model).model
    assert operators(optimized) == {"Mul": 1, "Add": 1, "Clip": 1}
    np.testing.assert_allclose(run(optimized, x), np.clip(0.2 * x + 0.4, 0, 1), atol=1e-6)


def test_names_come_from_the_node_replaced(parse):
    model = parse(f"y = {GATE} (x)")
    model.graph[0].name = "block3/gate"
    clip_hard_sigmoid.run(model)
    assert [node.name for node in model.graph] == ["block3/gate/mul", "block3/gate/add", "block3/gate/clip"]
    assert set(model.graph.initializers) == {"constant/0.166667", "constant/0.5", "constant/0", "constant/1"}
