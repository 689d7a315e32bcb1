import numpy as np
import pytest

from armlet.passes import optimize
from armlet.passes.recognise_hard_swish import recognise_hard_swish

RELU6 = "s = Add (x, three) c = Clip (s, zero, six)"
SPELLINGS = {
    "product first": f"{RELU6} p = Mul (x, c) y = Div (p, six)",
    "product first, times a sixth": f"{RELU6} p = Mul (c, x) y = Mul (p, sixth)",
    "sixth first": "s = Add (three, x) c = Clip (s, zero, six) p = Mul (x, sixth) y = Mul (p, c)",
    "division first": f"{RELU6} p = Div (x, six) y = Mul (c, p)",
    "gate first": f"{RELU6} g = Div (c, six) y = Mul (x, g)",
    "gate first, exchanged": f"{RELU6} g = Mul (sixth, c) y = Mul (g, x)",
    "min and relu": "s = Add (x, three) r = Relu (s) c = Min (r, six) p = Mul (x, c) y = Div (p, six)",
    "min and max": "s = Add (x, three) r = Max (s, zero) c = Min (six, r) p = Mul (x, c) y = Div (p, six)",
    "hard sigmoid": "g = HardSigmoid <alpha: float = 0.16666667, beta: float = 0.5> (x) y = Mul (x, g)",
    "clip to one": "m = Mul (x, sixth) s = Add (m, half) g = Clip (s, zero, one) y = Mul (g, x)",
}


def expected(x):
    x = x.astype(np.float64)
    return x * np.clip(x / 6 + 0.5, 0, 1)


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_every_spelling_becomes_one_hard_swish(text, parse, operators, run, x):
    optimized = optimize(parse(text), target="onnxruntime").model
    assert operators(optimized) == {"HardSwish": 1}
    np.testing.assert_allclose(run(optimized, x), expected(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_no_spelling_leaves_a_division_in_the_form_for_tvm(text, parse, operators, run, x):
    optimized = optimize(parse(text)).model
    assert operators(optimized) == {"Mul": 2, "Add": 1, "Clip": 1}
    np.testing.assert_allclose(run(optimized, x), expected(x), rtol=1e-6, atol=1e-6)


def test_a_product_with_another_value_is_no_site(parse, operators):
    model = parse(
        "r = Relu (x) g = HardSigmoid <alpha: float = 0.16666667, beta: float = 0.5> (x) y = Mul (r, g)"
    )
    entries = {entry.name: entry for entry in optimize(model, "onnxruntime").report.passes}
    assert entries["recognise_hard_swish"].found == 0


def test_a_gate_with_other_numbers_is_refused(parse):
    model = parse("g = HardSigmoid <alpha: float = 0.2, beta: float = 0.5> (x) y = Mul (x, g)")
    (refusal,) = recognise_hard_swish.run(model).refused
    assert (refusal.node, refusal.reason) == ("y", "it is no h-sigmoid: its slope is 0.2, not 0.1666667")


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_before_opset_14_it_loses_its_division_too(text, parse, operators, run, x):
    model = parse(text, opset=13)
    assert operators(optimize(model, "onnxruntime").model) == {"HardSigmoid": 1, "Mul": 1}
    optimized = optimize(model).model
    assert operators(optimized) == {"Mul": 2, "Add": 1, "Clip": 1}
    np.testing.assert_allclose(run(optimized, x), expected(x), rtol=1e-6, atol=1e-6)
