import numpy as np
import pytest

from armlet.passes.fold_affine import fold_affine
from armlet.passes.verify import TOLERANCE, site_error

RNG = np.random.default_rng(0)
ARRAYS = {
    "w": RNG.standard_normal((4, 4, 1, 1), dtype=np.float32),
    "b": RNG.standard_normal(4, dtype=np.float32),
    "c": RNG.uniform(0.5, 2, (4, 1, 1)).astype(np.float32),
    "d": RNG.uniform(0.5, 2, (1, 4, 1, 1)).astype(np.float32),
    "row": RNG.uniform(0.5, 2, (1, 1, 1, 5)).astype(np.float32),
    "nothing": np.zeros((4, 1, 1), np.float32),
}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("s = Mul (a, c) y = Add (s, d)", 2),
        ("s = Sub (a, c) t = Mul (d, s) y = Add (c, t)", 3),
        ("s = Div (a, c) y = Sub (d, s)", 2),
        ("y = Add (a, three)", 1),
        ("s = Mul (sixth, a) y = Sub (three, s)", 2),
    ],
)
@pytest.mark.parametrize("bias", ["", ", b"])
def test_constants_of_channels_fold(text, count, bias, parse, run, x, operators):
    model = parse(f"a = Conv (x, w{bias}) {text}", opset=17, **ARRAYS)
    expected = run(model, x)
    changes = fold_affine.run(model)
    assert changes.rewritten == count
    assert all(site_error(site) <= TOLERANCE for site in changes.sites)
    assert operators(model) == {"Conv": 1}
    assert np.abs(run(model, x) - expected).max() <= TOLERANCE * np.ptp(expected)


def test_into_a_linear_layer(parse, operators):
    matrix, row = np.ones((4, 6), np.float32), np.arange(6, dtype=np.float32)
    model = parse("a = Gemm (x, m) y = Mul (a, r)", 17, "1,4", "1,6", m=matrix, r=row)
    assert fold_affine.run(model).rewritten == 1
    assert operators(model) == {"Gemm": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("y = Mul (a, row)", "its constant is not one number, or one a channel"),
        ("y = Div (a, nothing)", "it divides by zero"),
        ("s = Add (a, three) r = Relu (a) y = Mul (s, r)", "the output of a is used elsewhere too"),
    ],
)
def test_what_is_refused(text, reason, parse, operators):
    model = parse(f"a = Conv (x, w) {text}", opset=17, **ARRAYS)
    before = operators(model)
    changes = fold_affine.run(model)
    assert operators(model) == before
    assert [refusal.reason for refusal in changes.refused] == [reason]


def test_a_constant_in_front_of_a_division_is_no_site(parse):
    changes = fold_affine.run(parse("a = Conv (x, w) y = Div (c, a)", opset=17, **ARRAYS))
    assert (changes.rewritten, changes.refused) == (0, ())
