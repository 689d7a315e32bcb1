import numpy as np
import pytest

from armlet.passes import optimize
from armlet.passes.fuse_squeeze_excite import fuse_squeeze_excite

CHANNELS, SQUEEZED = 4, 3
GATE = "HardSigmoid <alpha: float = 0.16666667, beta: float = 0.5>"
RNG = np.random.default_rng(0)
ARRAYS = {
    "w1": RNG.normal(size=(SQUEEZED, CHANNELS, 1, 1)),
    "b1": RNG.normal(size=SQUEEZED),
    "w2": RNG.normal(size=(CHANNELS, SQUEEZED, 1, 1)),
    "b2": RNG.normal(size=CHANNELS),
    "m1": RNG.normal(size=(SQUEEZED, CHANNELS)),
    "m2": RNG.normal(size=(SQUEEZED, CHANNELS)),
}
INTEGERS = {
    "axes": [2, 3],
    "negative": [-1, -2],
    "flat": [1, CHANNELS],
    "kept": [0, -1],
    "map": [1, CHANNELS, 1, 1],
    "row": [3],
}
CONVS = f"r = Conv (p, w1, b1) a = Relu (r) e = Conv (a, w2, b2) g = {GATE} (e) y = Mul (x, g)"
GEMMS = "r = Gemm <transB: int = 1> (f, m1, b1) a = Relu (r) e = Gemm (a, m2, b2)"
SPELLINGS = {
    "convs": f"p = GlobalAveragePool (x) {CONVS}",
    "gate first": f"p = GlobalAveragePool (x) {CONVS.replace('(x, g)', '(g, x)')}",
    "no biases": f"p = GlobalAveragePool (x) {CONVS.replace(', b1', '').replace(', b2', '')}",
    "mean of axes": f"p = ReduceMean <keepdims: int = 1> (x, axes) {CONVS}",
    "mean of negative axes": f"p = ReduceMean <keepdims: int = 1> (x, negative) {CONVS}",
    "pool of the map": f"p = AveragePool <kernel_shape: ints = [5, 5]> (x) {CONVS}",
    "gemms, flattened": f"p = GlobalAveragePool (x) f = Flatten (p) {GEMMS} g = {GATE} (e) "
    "u = Reshape (g, map) y = Mul (x, u)",
    "gemms, squeezed": f"p = GlobalAveragePool (x) f = Squeeze (p, axes) {GEMMS} g = {GATE} (e) "
    "u = Unsqueeze (g, axes) y = Mul (u, x)",
    "gemms, reshaped": f"p = GlobalAveragePool (x) f = Reshape (p, kept) {GEMMS} u = Reshape (e, map) "
    f"g = {GATE} (u) y = Mul (x, g)",
    "gemms of a mean that drops its axes": f"f = ReduceMean <keepdims: int = 0> (x, axes) {GEMMS} "
    f"g = {GATE} (e) u = Unsqueeze (g, axes) y = Mul (x, u)",
    "products and sums": "f = ReduceMean <keepdims: int = 0> (x, axes) m = MatMul (f, t1) r = Add (m, b1) "
    f"a = Relu (r) n = MatMul (a, m2) e = Add (b2, n) g = {GATE} (e) u = Reshape (g, map) y = Mul (x, u)",
    "scaled gemm": f"p = GlobalAveragePool (x) f = Flatten (p) "
    f"{GEMMS.replace('= 1>', '= 1, alpha: float = 0.5, beta: float = 2.0>')} "
    f"g = {GATE} (e) u = Reshape (g, map) y = Mul (x, u)",
    "gate of relu6": "p = GlobalAveragePool (x) r = Conv (p, w1, b1) a = Relu (r) e = Conv (a, w2, b2) "
    "s = Add (e, three) c = Clip (s, zero, six) g = Div (c, six) y = Mul (x, g)",
    "gate of Keras": f"p = GlobalAveragePool (x) {CONVS.replace('0.16666667', '0.2')}",
}


def arrays():
    floats = {name: array.astype(np.float32) for name, array in ARRAYS.items()}
    integers = {name: np.array(numbers, np.int64) for name, numbers in INTEGERS.items()}
    return {**floats, "t1": np.ascontiguousarray(floats["m1"].T), **integers}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_becomes_one_call(text, parse, operators, run, x):
    model = parse(text, **arrays())
    expected = run(model, x)
    optimized = optimize(model)
    assert operators(optimized.model) == {"SqueezeExcite": 1}
    (call,) = optimized.model.graph
    shapes = [tuple(value.shape) for value in call.inputs[1:]]
    assert shapes == [(SQUEEZED, CHANNELS, 1, 1), (SQUEEZED,), (CHANNELS, SQUEEZED, 1, 1), (CHANNELS,)]
    np.testing.assert_allclose(run(optimized.model, x), expected, rtol=1e-4, atol=1e-5 * np.ptp(expected))


@pytest.mark.parametrize("opset", [9, 12, 13, 17])
def test_axes_are_an_attribute_in_older_opsets(opset, parse, operators, run, x):
    text = "p = ReduceMean <axes: ints = [2, 3], keepdims: int = 1> (x) " + CONVS
    model = parse(text, opset=opset, **arrays())
    optimized = optimize(model).model
    assert operators(optimized) == {"SqueezeExcite": 1}
    np.testing.assert_allclose(run(optimized, x), run(model, x), rtol=1e-4, atol=1e-2)


def test_the_call_holds_the_affine_half_of_the_gate(parse):
    optimized = optimize(parse(SPELLINGS["convs"], **arrays())).model
    numbers = {name: value.const_value.numpy() for name, value in optimized.graph.initializers.items()}
    np.testing.assert_array_equal(numbers["w1"], arrays()["w1"])
    np.testing.assert_allclose(numbers["w2"], arrays()["w2"] / 6, rtol=1e-6)
    np.testing.assert_allclose(numbers["b2"], arrays()["b2"] / 6 + 0.5, rtol=1e-6)


def test_sites_of_different_width_share_the_one_function(parse, operators):
    site = (
        "p{n} = GlobalAveragePool ({x}) r{n} = Conv (p{n}, w1{n}, b1{n}) a{n} = Relu (r{n})"
        f" e{{n}} = Conv (a{{n}}, w2{{n}}, b2{{n}}) g{{n}} = {GATE} (e{{n}}) {{y}} = Mul ({{x}}, g{{n}}) "
    )
    weights = {}
    for n, squeezed in (("a", 3), ("b", 1)):
        shapes = {
            "w1": (squeezed, CHANNELS, 1, 1),
            "b1": squeezed,
            "w2": (CHANNELS, squeezed, 1, 1),
            "b2": CHANNELS,
        }
        weights |= {role + n: RNG.normal(size=shape).astype(np.float32) for role, shape in shapes.items()}
    model = parse(site.format(n="a", x="x", y="z") + site.format(n="b", x="z", y="y"), **weights)
    optimized = optimize(model).model
    assert operators(optimized) == {"SqueezeExcite": 2}
    assert [identifier[:2] for identifier in optimized.functions] == [("armlet", "SqueezeExcite")]
    assert [node.inputs[1].shape[0] for node in optimized.graph] == [3, 1]


def test_an_old_ir_version_is_raised_to_the_first_with_functions(parse, operators):
    model = parse(SPELLINGS["convs"], opset=11, **arrays())
    model.ir_version = 6
    optimized = optimize(model).model
    assert operators(optimized) == {"SqueezeExcite": 1}
    assert (model.ir_version, optimized.ir_version) == (6, 8)


def test_a_call_is_named_after_the_folder_of_its_nodes(parse):
    model = parse(SPELLINGS["convs"], **arrays())
    for node, name in zip(
        model.graph, ("pool", "reduce/conv", "reduce/act", "expand/conv", "gate", "scale"), strict=True
    ):
        node.name = f"block3/se/{name}"
    fuse_squeeze_excite.run(model)
    assert [node.name for node in model.graph] == ["block3/se"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (GATE, "Sigmoid", "its gate is Sigmoid, not HardSigmoid: it stays in its parts"),
        ("Relu (r)", "HardSwish (r)", "its activation is HardSwish, not Relu"),
        ("y = Mul (x, g)", "z = Mul (x, g) y = Add (z, p)", "the output of p is used elsewhere too"),
        (
            "Conv (p, w1, b1)",
            "Conv <pads: ints = [0, 0, 0, 0], group: int = 1> (p, v1, b1)",
            "the weight of r is not constant",
        ),
        (
            "GlobalAveragePool (x)",
            "AveragePool <kernel_shape: ints = [3, 3], pads: ints = [1, 1, 1, 1]> (x)",
            "p does not average the whole map",
        ),
        (
            "Conv (p, w1, b1)",
            "Conv <group: int = 4> (p, d1)",
            "r is not a plain 1x1 convolution or linear layer",
        ),
    ],
)
def test_what_looks_like_one_is_refused_with_the_reason(old, new, reason, parse, operators):
    computed = "v1 = Abs (w1) " if "v1" in new else ""
    text = SPELLINGS["convs"].replace(old, new)
    weights = {**arrays(), "d1": np.ones((4, 1, 1, 1), np.float32)}
    if "d1" in new:
        weights["w2"] = np.ones((4, 4, 1, 1), np.float32)
    model = parse(computed + text, **weights)
    changes = fuse_squeeze_excite.run(model)
    assert [refusal.reason for refusal in changes.refused] == [reason]
    assert changes.rewritten == 0
    assert not model.functions
