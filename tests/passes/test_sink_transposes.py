import numpy as np
import pytest

from armlet.passes.clean_up import clean_up
from armlet.passes.sink_transposes import sink_transposes
from armlet.passes.verify import TOLERANCE, site_error

NHWC, NCHW = "Transpose<perm=[0,2,3,1]>", "Transpose<perm=[0,3,1,2]>"
CHANNELS = {"w": np.arange(4, dtype=np.float32), "pads": np.array([0, 1, 2, 0, 0, 1, 0, 0])}


def sunk(model, run, x):
    expected = run(model, x)
    changes = sink_transposes.run(model)
    assert all(site_error(site) <= TOLERANCE for site in changes.sites)
    clean_up.run(model)
    np.testing.assert_allclose(run(model, x), expected, rtol=1e-5, atol=1e-5)
    return changes


@pytest.mark.parametrize(
    ("between", "shape"),
    [
        ("c = Relu (a)", ""),
        ("c = Clip (a, zero, six)", ""),
        ("c = HardSwish (a)", ""),
        ("c = Add (a, three)", ""),
        ("c = Mul (w, a)", ""),
        ("c = Sub (w, a)", ""),
        ("b = Sigmoid (a) c = Mul (a, b)", ""),
        ("b = Sigmoid (a) c = Max (b, a)", ""),
        ("c = Pad (a, pads)", "1,4,7,7"),
        ("b = ReduceMean <axes = [1,2]> (a) c = Mul (a, b)", ""),
    ],
)
def test_nothing_is_left_between_nchw_and_nchw(between, shape, parse, run, x, operators):
    text = f"n = Relu (x) a = {NHWC} (n) {between} y = {NCHW} (c)"
    model = parse(text, opset=17, out=shape, **CHANNELS)
    assert sunk(model, run, x).rewritten
    assert "Transpose" not in operators(model)


def test_a_transposition_that_others_read_stays_for_them(parse, run, x, operators):
    model = parse(
        f"a = {NHWC} (x) b = Relu (a) c = {NCHW} (b) s = Shape (a) f = Cast<to=1>(s) "
        "g = ReduceSum<keepdims=0>(f) y = Add (c, g)",
        opset=17,
    )
    sunk(model, run, x)
    assert operators(model).get("Transpose", 0) <= 1


@pytest.mark.parametrize("end", ["Flatten (m)", "Squeeze (m, axes)", "Reshape (m, to)"])
def test_axes_of_one_are_reshaped_instead(end, parse, run, x, operators):
    text = f"p = GlobalAveragePool (x) m = {NHWC} (p) y = {end}"
    model = parse(text, opset=17, out="1,4", axes=np.array([1, 2]), to=np.array([0, -1]))
    sunk(model, run, x)
    assert "Transpose" not in operators(model)


def test_a_gate_that_is_reshaped_to_nhwc(parse, run, x, operators):
    text = f"""a = {NHWC} (x) p = GlobalAveragePool (x) f = Flatten (p) s = Sigmoid (f) g = Reshape (s, to)
        m = Mul (a, g) y = {NCHW} (m)"""
    model = parse(text, opset=17, to=np.array([1, 1, 1, 4]))
    sunk(model, run, x)
    assert "Transpose" not in operators(model)


@pytest.mark.parametrize(
    "text",
    [
        f"a = {NHWC} (x) y = Softmax <axis = 3> (a)",
        f"a = {NHWC} (x) b = Transpose<perm=[0,1,3,2]> (x) y = Add (a, b)",
        f"a = {NHWC} (x) b = Relu (x) y = Mul (a, b)",
    ],
)
def test_what_does_not_commute_is_left(text, parse, run, x):
    # All axes are of 4 or 1, so that any order fits.
    model = parse(text, opset=17, shape="1,4,4,4")
    assert sunk(model, run, x[:, :, :4, :4]).rewritten == 0
