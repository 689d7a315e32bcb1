import importlib

import numpy as np
import onnx_ir as ir
import pytest
from onnxscript.rewriter import RewriteRuleClassBase

import armlet.passes
from armlet.errors import ArmletError, InvalidModelError
from armlet.passes import VerificationError, optimize
from armlet.passes.rewriting import Pass, rewriting
from armlet.passes.values import clip, number
from armlet.passes.verify import (
    KINKS,
    STEADY,
    TOLERANCE,
    Runner,
    as_inputs,
    references,
    relative_error,
    site_error,
)


def test_errors_are_relative_to_the_range_of_the_original():
    expected = [np.array([100.0, 150.0, 200.0], np.float32)]
    assert relative_error(expected, [expected[0] + np.float32([0, 1, 0])]) == 0.01
    assert relative_error(expected, expected) == 0.0


def test_an_output_without_a_range_is_compared_with_its_size():
    constant = [np.full(3, 50, np.float32)]
    assert relative_error(constant, [np.full(3, 51, np.float32)]) == 0.02
    assert relative_error([np.zeros(3)], [np.full(3, 0.5)]) == 0.5


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nan_and_infinity_never_agree(wrong):
    finite, broken = [np.array([0.0, 1.0])], [np.array([0.0, wrong])]
    assert relative_error(finite, broken) == np.inf
    assert relative_error(broken, finite) == np.inf
    assert relative_error(broken, broken) == np.inf


def test_another_shape_never_agrees():
    assert relative_error([np.zeros((1, 3))], [np.zeros(3)]) == np.inf


def test_the_kinks_and_their_neighbours_are_tried():
    assert len(set(KINKS)) == 7
    assert {np.float32(-3), np.float32(3), np.nextafter(np.float32(3), np.float32(9))} <= set(KINKS)


class Gate(RewriteRuleClassBase):
    """HardSwish(x) -> x * Clip(slope * x + offset, low, high), right for 1/6, 1/2, 0, 1 only."""

    def __init__(self, slope=1 / 6, offset=0.5, low=0.0, high=1.0):
        super().__init__()
        self.numbers = slope, offset, low, high

    def pattern(self, op, x):
        return op.HardSwish(x)

    def rewrite(self, op, x):
        slope, offset, low, high = self.numbers
        return op.Mul(
            x, clip(op, op.Add(op.Mul(x, number(op, slope, x)), number(op, offset, x)), low, high, like=x)
        )


@pytest.mark.parametrize("shape", ["1,4,5,5", "1,1,1,1", "1,3"])
@pytest.mark.parametrize(
    ("numbers", "right"),
    [
        ({}, True),
        ({"slope": 0.1667}, False),
        ({"offset": 0.5001}, False),
        ({"low": -np.inf}, False),
        ({"high": np.inf}, False),
        ({"high": 1.0001}, False),
    ],
)
def test_a_rewrite_with_a_wrong_number_or_a_lost_bound_is_caught(numbers, right, shape, parse):
    model = parse("y = HardSwish (x)", shape=shape)
    (site,) = rewriting([Gate.rule(**numbers)])(model).sites
    assert (site_error(site) <= TOLERANCE) == right


def test_a_broken_pass_ends_the_run_and_names_pass_and_site(parse, monkeypatch):
    broken = Pass("lose_the_bound", rewriting([Gate.rule(high=np.inf)]))
    monkeypatch.setitem(armlet.passes.PIPELINES, "tvm", (broken,))
    with pytest.raises(
        VerificationError, match=r"lose_the_bound changed y by \S+ of its output's range"
    ) as caught:
        optimize(parse("y = HardSwish (x)"))
    assert isinstance(caught.value, ArmletError)
    assert "\n" not in str(caught.value)


def test_a_wrong_epsilon_in_batch_norm_is_caught(parse, monkeypatch):
    arrays = {name: np.full(4, 0.5, np.float32) for name in ("gamma", "beta", "mean", "variance")}
    model = parse(
        "c = Conv (x, w) y = BatchNormalization <epsilon: float = 0.001> (c, gamma, beta, mean, variance)",
        w=np.random.default_rng(0).normal(size=(4, 4, 1, 1)).astype(np.float32),
        **arrays,
    )

    def forgetful(node):
        gamma, beta, mean, variance = (
            value.const_value.numpy().astype(np.float64) for value in node.inputs[1:]
        )
        scale = gamma / np.sqrt(variance + 1e-5)
        return scale, beta - scale * mean

    monkeypatch.setattr(importlib.import_module("armlet.passes.fold_batch_norm"), "_affine", forgetful)
    with pytest.raises(VerificationError, match="fold_batch_norm changed y by"):
        optimize(model)


def test_a_change_that_no_site_shows_is_caught_in_the_network(parse, monkeypatch):
    def drop_the_relu(model):
        node = model.graph[0]
        node.op_type = "Identity"
        return armlet.passes.Changes(1)

    monkeypatch.setitem(armlet.passes.PIPELINES, "tvm", (Pass("drop_the_relu", drop_the_relu),))
    with pytest.raises(VerificationError, match="the rewritten network is off by"):
        optimize(parse("r = Relu (x) y = Neg (r)"))


def test_a_model_that_computes_nan_is_refused_and_not_verified_as_equal(parse):
    with pytest.raises(InvalidModelError, match="the model computes NaN or infinity on random inputs"):
        optimize(parse("n = Neg (x) a = Min (n, x) y = Sqrt (a)"))


def test_a_model_of_positive_inputs_is_verified_on_those(parse):
    optimized = optimize(parse("s = Sqrt (x) y = HardSwish (s)"))
    assert optimized.report.large_error <= TOLERANCE
    scales = []
    for drawn in optimized.references:
        assert (drawn.inputs["x"] > 0).all()
        scales.append(drawn.inputs["x"].std())
    assert 500 < scales[1] / scales[0] < 2000


def test_large_inputs_are_skipped_where_float32_decides_nothing(parse):
    # Ten thousand turns of the sine: rounding the input gives another angle.
    optimized = optimize(parse("h = HardSwish (x) y = Sin (h)"))
    assert optimized.report.large_error is None
    assert "the original itself moves by" in optimized.report.large_skipped
    assert optimized.report.random_error <= TOLERANCE
    assert len(optimized.references) == 1


def test_large_inputs_are_skipped_where_the_original_overflows(parse):
    optimized = optimize(parse("h = HardSwish (x) y = Exp (h)"))
    assert optimized.report.large_error is None
    assert optimized.report.large_skipped == "the original computes NaN or infinity on them"
    assert optimized.report.random_error <= TOLERANCE
    assert len(optimized.references) == 1


@pytest.mark.parametrize(
    "text",
    [
        "n = RandomNormalLike (x) y = Add (x, n)",
        "n = RandomNormalLike <seed: float = 1.0> (x) y = Add (x, n)",
        "on = Constant <value = bool {1}> () y = Dropout (x, half, on)",
    ],
)
def test_a_model_that_is_random_is_refused(text, parse):
    with pytest.raises(InvalidModelError, match="computes something else from the same input each time"):
        optimize(parse(text))


def test_an_input_of_rank_0_is_tried(parse):
    model = parse("y = HardSwish (x)", shape="1")
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.shape = ir.Shape([])
    assert optimize(model).report.worst_error <= TOLERANCE


def test_what_onnxruntime_refuses_is_said_once(parse, capfd):
    model = parse("y = Conv <group: int = 0> (x, w)", w=np.ones((4, 4, 1, 1), np.float32))
    with pytest.raises(InvalidModelError, match="ONNX Runtime refuses the model"):
        optimize(model)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("shape", ["N,4", "1,unknown,5,5"])
def test_open_shapes_are_refused(shape, parse):
    with pytest.raises(InvalidModelError, match=r"input x is FLOAT .*, expected float32 or uint8 of fixed"):
        optimize(parse("y = Relu (x)", shape=shape))


def test_a_model_that_is_not_valid_onnx_is_refused(parse):
    model = parse("y = Relu (x)")
    model.graph[0].op_type = "Rely"
    with pytest.raises(InvalidModelError, match=r"the model is not valid ONNX: .*Rely"):
        optimize(model)


def test_a_model_newer_than_the_runtime_is_refused(parse):
    model = parse("y = Relu (x)")
    model.ir_version = 14
    with pytest.raises(
        InvalidModelError, match=r"refuses the model \(IR version 14, opsets {'': 21}\): .*max supp"
    ):
        optimize(model)


def test_outputs_may_be_of_any_type():
    truth = [np.array([True, False]), np.array([3, 7])]
    assert relative_error(truth, truth) == 0.0
    assert relative_error(truth, [~truth[0], truth[1]]) == 1.0


def test_large_inputs_are_drawn_until_the_original_is_steady():
    model = armlet.build("mobilenet_v3_small", width=0.35, resolution=96, classes=10, seed=3)
    (drawn,) = references(model, 1e3)
    assert 900 < np.std(drawn.inputs["image"]) < 1100
    assert drawn.error(Runner(model)) == 0.0


def test_the_original_must_be_steady_in_its_weights_too():
    """The first two draws move by 9e-7 when they are rounded, and by 1e-4 when the weights are."""
    model = armlet.build("lraspp_mobilenet_v3_small", width=0.35, resolution=(64, 96))
    (drawn,) = references(model, 1e3)
    first = np.random.default_rng(0).standard_normal((1, 3, 64, 96), np.float32)
    assert not np.allclose(drawn.inputs["image"], 1e3 * first)
    assert 0 < drawn.moved < STEADY
    assert optimize(model).report.worst_error < TOLERANCE


def test_bytes_are_pictures_and_large_ones_black_and_white():
    image = ir.Value(name="x", shape=ir.Shape([1, 4]), type=ir.TensorType(ir.DataType.UINT8))
    for numbers, wanted in (([0, 1, -1, 0.5], [128, 192, 64, 160]), ([3, -3, 1e3, -1e3], [255, 0, 255, 0])):
        (found,) = as_inputs([image], [np.float32([numbers])]).values()
        assert found.dtype == np.uint8
        assert found.tolist() == [wanted]


def test_a_network_of_bytes_is_tried_on_ordinary_and_on_extreme_ones(parse):
    model = parse("f = Cast <to: int = 1> (x) y = Relu (f)")
    model.graph.inputs[0].dtype = ir.DataType.UINT8
    ordinary, large = references(model, 1.0, 1e3)
    (picture,), (extreme,) = ordinary.inputs.values(), large.inputs.values()
    assert 120 < picture.mean() < 136
    assert np.isin(extreme, [0, 255]).mean() > 0.95
    assert optimize(model).report.worst_error == 0
