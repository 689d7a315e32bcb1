import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armlet.passes import optimize
from armlet.passes.fold_batch_norm import fold_batch_norm


def norm(y, suffix=""):
    roles = ", ".join(role + suffix for role in ("gamma", "beta", "mean", "variance"))
    return f"BatchNormalization <epsilon: float = 0.001> ({y}, {roles})"


def statistics(channels, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {role: rng.normal(size=channels).astype(np.float32) for role in ("gamma", "beta", "mean")}
    return {**arrays, "variance": rng.uniform(0.01, 4, channels).astype(np.float32)}


def normal(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    groups=st.integers(1, 4),
    inputs_a_group=st.integers(1, 3),
    outputs_a_group=st.integers(1, 3),
    kernel=st.sampled_from([1, 3]),
    bias=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_into_any_conv(parse, operators, run, groups, inputs_a_group, outputs_a_group, kernel, bias, seed):
    channels_in, channels = groups * inputs_a_group, groups * outputs_a_group
    arrays = {
        "w": normal(channels, inputs_a_group, kernel, kernel, seed=seed),
        "b": normal(channels, seed=seed),
    }
    model = parse(
        f"c = Conv <group: int = {groups}> (x, w{', b' if bias else ''}) y = {norm('c')}",
        shape=f"1,{channels_in},5,5",
        out=f"1,{channels},{6 - kernel},{6 - kernel}",
        **arrays,
        **statistics(channels, seed),
    )
    x = normal(1, channels_in, 5, 5, seed=seed + 1)
    expected = run(model, x)
    assert fold_batch_norm.run(model).rewritten == 1
    assert operators(model) == {"Conv": 1}
    np.testing.assert_allclose(run(model, x), expected, atol=1e-5 * max(1, np.ptp(expected)))


@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 3.0)])
@pytest.mark.parametrize("bias_shape", [None, (), (1,), (3,), (1, 3)])
def test_into_gemm(transposed, alpha, beta, bias_shape, parse, operators, run):
    weight = normal(3, 4) if transposed else normal(4, 3)
    attributes = f"<transB: int = {transposed}, alpha: float = {alpha}, beta: float = {beta}>"
    bias = {} if bias_shape is None else {"b": normal(*bias_shape)}
    model = parse(
        f"c = Gemm {attributes} (x, w{', b' if bias else ''}) y = {norm('c')}",
        shape="2,4",
        out="2,3",
        w=weight,
        **bias,
        **statistics(3),
    )
    x = normal(2, 4, seed=2)
    expected = run(model, x)
    assert fold_batch_norm.run(model).rewritten == 1
    assert operators(model) == {"Gemm": 1}
    np.testing.assert_allclose(run(model, x), expected, rtol=1e-5, atol=1e-5)


def test_two_convs_that_share_a_weight_both_fold_into_copies(parse, operators, run, x):
    other = {f"{role}2": array for role, array in statistics(4, seed=9).items()}
    model = parse(
        f"a = Conv (x, w) n = {norm('a')} b = Conv (n, w) y = {norm('b', '2')}",
        w=normal(4, 4, 1, 1),
        **statistics(4),
        **other,
    )
    expected = run(model, x)
    optimized = optimize(model).model
    assert operators(optimized) == {"Conv": 2}
    assert len({node.inputs[1].name for node in optimized.graph}) == 2
    np.testing.assert_allclose(run(optimized, x), expected, atol=1e-5 * np.ptp(expected))


def test_names_and_types_stay_and_nothing_is_left_over(parse):
    weight = normal(4, 4, 1, 1)
    model = parse(f"c = Conv (x, weight) y = {norm('c')}", weight=weight, **statistics(4))
    fold_batch_norm.run(model)
    (conv,) = model.graph
    assert (conv.name, conv.outputs[0].name) == ("c", "y")
    arrays = {name: value.const_value.numpy() for name, value in model.graph.initializers.items()}
    assert set(arrays) == {"weight", "bias"}
    scale = statistics(4)["gamma"] / np.sqrt(statistics(4)["variance"].astype(np.float64) + 0.001)
    np.testing.assert_array_equal(arrays["weight"], (weight * scale.reshape(-1, 1, 1, 1)).astype(np.float32))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"y = {norm('x')}", "it is fed by a graph input: there is no Conv or Gemm to fold it into"),
        (f"r = Relu (x) y = {norm('r')}", "r is Relu: only Conv and Gemm are folded into"),
        (
            f"c = ConvTranspose (x, w) y = {norm('c')}",
            "c is ConvTranspose: only Conv and Gemm are folded into",
        ),
        (f"c = Conv (x, w) n = {norm('c')} y = Add (c, n)", "the output of c is used elsewhere too"),
        (f"v = Mul (w, six) c = Conv (x, v) y = {norm('c')}", "the weight of c is not constant"),
        (f"v = Mul (beta, six) c = Conv (x, w, v) y = {norm('c')}", "the bias of c is not constant"),
        (
            f"c = Conv (x, w) v = Abs (mean) y = {norm('c').replace('mean', 'v')}",
            "its scale, bias, mean and variance are not constants of one number a channel",
        ),
        (
            f"c = Conv (x, w) y = {norm('c').replace('<', '<training_mode: int = 1, ')}",
            "it is in training mode",
        ),
        (
            f"c = Conv (x, w) y = {norm('c').replace('variance', 'mean')}",
            "its variance plus epsilon is not positive in every channel",
        ),
    ],
)
def test_refusals_say_why(text, reason, parse, operators):
    model = parse(text, w=normal(4, 4, 1, 1), **statistics(4))
    before = operators(model)
    changes = fold_batch_norm.run(model)
    assert [refusal.reason for refusal in changes.refused] == [reason]
    assert (changes.rewritten, operators(model)) == (0, before)


def test_a_weight_that_a_caller_may_replace_is_refused(parse):
    model = parse(f"c = Conv (x, w) y = {norm('c')}", w=normal(4, 4, 1, 1), **statistics(4))
    model.graph.inputs.append(model.graph.initializers["w"])
    (entry,) = [entry for entry in optimize(model).report.passes if entry.name == "fold_batch_norm"]
    assert [refusal.reason for refusal in entry.refused] == ["the weight of c is not constant"]


def test_a_gemm_bias_of_several_rows_is_refused(parse):
    model = parse(
        f"c = Gemm (x, w, b) y = {norm('c')}",
        shape="2,4",
        w=normal(4, 4),
        b=normal(2, 4),
        **statistics(4),
    )
    (refusal,) = fold_batch_norm.run(model).refused
    assert refusal.reason == "the bias of c differs between rows"
