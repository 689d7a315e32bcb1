import numpy as np
import pytest

from armlet.passes import optimize
from armlet.passes.recognise_hard_sigmoid import recognise_hard_sigmoid

SPELLINGS = {
    "divided": "s = Add (x, three) c = Clip (s, zero, six) y = Div (c, six)",
    "multiplied": "s = Add (x, three) c = Clip (s, zero, six) y = Mul (c, sixth)",
    "operands exchanged": "s = Add (three, x) c = Clip (s, zero, six) y = Mul (sixth, c)",
    "min of max": "s = Add (x, three) m = Max (s, zero) c = Min (m, six) y = Div (c, six)",
    "min of max, exchanged": "s = Add (x, three) m = Max (zero, s) c = Min (six, m) y = Div (c, six)",
    "max of min": "s = Add (x, three) m = Min (s, six) c = Max (m, zero) y = Div (c, six)",
    "max of min, exchanged": "s = Add (three, x) m = Min (six, s) c = Max (zero, m) y = Mul (c, sixth)",
    "min of relu": "s = Add (x, three) m = Relu (s) c = Min (m, six) y = Div (c, six)",
    "relu of min": "s = Add (x, three) m = Min (s, six) c = Relu (m) y = Div (c, six)",
    "clip of relu": "s = Add (x, three) m = Relu (s) c = Clip (m, , six) y = Div (c, six)",
    "relu6 that clips twice": "s = Add (x, three) m = Relu (s) c = Clip (m, zero, six) y = Mul (c, sixth)",
    "affine in the clip": "m = Mul (x, sixth) s = Add (m, half) y = Clip (s, zero, one)",
    "affine in the clip, exchanged": "m = Mul (sixth, x) s = Add (half, m) y = Clip (s, zero, one)",
    "divided in the clip": "m = Div (x, six) s = Add (m, half) y = Clip (s, zero, one)",
    "affine in min and max": "m = Mul (x, sixth) s = Add (m, half) r = Relu (s) y = Min (r, one)",
    "rounded alpha": "y = HardSigmoid <alpha: float = 0.16666666, beta: float = 0.5> (x)",
    "constant nodes": """
        a = Constant <value = float {3.0}> () b = Constant <value_float: float = 6.0> ()
        l = Constant <value = float {0.0}> ()
        s = Add (x, a) c = Clip (s, l, b) y = Div (c, b)""",
}


def expected(x):
    return np.clip(x.astype(np.float64) / 6 + 0.5, 0, 1)


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_becomes_one_hard_sigmoid(text, parse, operators, run, x):
    optimized = optimize(parse(text), target="onnxruntime").model
    assert operators(optimized) == {"HardSigmoid": 1}
    node = optimized.graph[0]
    assert np.float32(node.attributes["alpha"].as_float()) == np.float32(1 / 6)
    assert node.attributes["beta"].as_float() == 0.5
    np.testing.assert_allclose(run(optimized, x), expected(x), atol=1e-6)


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_no_spelling_leaves_a_division_in_the_form_for_tvm(text, parse, operators, run, x):
    optimized = optimize(parse(text)).model
    assert operators(optimized) == {"Mul": 1, "Add": 1, "Clip": 1}
    np.testing.assert_allclose(run(optimized, x), expected(x), atol=1e-6)


@pytest.mark.parametrize("shape", [(1,), (1, 1, 1, 1)])
def test_constants_of_one_element_may_have_any_rank(shape, parse, operators):
    numbers = {"three": np.full(shape, 3, np.float32), "sixth": np.full(shape, 1 / 6, np.float32)}
    model = parse(SPELLINGS["multiplied"], **numbers)
    assert operators(optimize(model, "onnxruntime").model) == {"HardSigmoid": 1}


def test_clip_bounds_of_old_opsets_are_attributes(parse, operators, run, x):
    text = "s = Add (x, three) c = Clip <min: float = 0.0, max: float = 6.0> (s) y = Div (c, six)"
    optimized = optimize(parse(text, opset=10)).model
    assert operators(optimized) == {"Mul": 1, "Add": 1, "Clip": 1}
    assert optimized.opset_imports[""] == 10
    np.testing.assert_allclose(run(optimized, x), expected(x), atol=1e-6)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "y = HardSigmoid <alpha: float = 0.2, beta: float = 0.5> (x)",
            "it is no h-sigmoid: its slope is 0.2, not 0.1666667",
        ),
        ("y = HardSigmoid (x)", "it is no h-sigmoid: its slope is 0.2, not 0.1666667"),
        (
            "s = Add (x, three) c = Clip (s, zero, six) y = Mul (c, slim)",
            "it is no h-sigmoid: its slope is 0.16667, not 0.1666667",
        ),
        (
            "s = Add (x, three) c = Clip (s, zero, three) y = Div (c, six)",
            "it is no h-sigmoid: its high is 0.5, not 1",
        ),
        (
            "s = Add (x, one) c = Clip (s, zero, six) y = Div (c, six)",
            "it is no h-sigmoid: its offset is 0.1666667, not 0.5",
        ),
    ],
)
def test_other_functions_are_refused_with_the_reason(text, reason, parse, operators):
    model = parse(text, slim=np.array(0.16667, np.float32))
    entries = {entry.name: entry for entry in optimize(model, "onnxruntime").report.passes}
    (refusal,) = entries["recognise_hard_sigmoid"].refused
    assert (refusal.node, refusal.reason) == ("y", reason)
    assert entries["recognise_hard_sigmoid"].rewritten == 0


def test_a_clip_used_elsewhere_is_refused(parse):
    model = parse("s = Add (x, three) c = Clip (s, zero, six) d = Div (c, six) y = Add (d, c)")
    (refusal,) = recognise_hard_sigmoid.run(model).refused
    assert (refusal.node, refusal.reason) == ("d", "the output of c is used elsewhere too")


def test_the_canonical_form_is_no_site(parse):
    model = parse(f"y = HardSigmoid <alpha: float = {1 / 6:.9}, beta: float = 0.5> (x)")
    changes = recognise_hard_sigmoid.run(model)
    assert (changes.rewritten, changes.refused) == (0, ())


def test_a_constant_that_changes_the_shape_is_left_alone(parse, operators):
    text = "s = Add (x, three) c = Clip (s, zero, six) y = Div (c, six)"
    model = parse(text, shape="4", out="1,1,4", three=np.full((1, 1, 1), 3, np.float32))
    assert operators(optimize(model, "onnxruntime").model) == {"Add": 1, "Clip": 1, "Div": 1}
