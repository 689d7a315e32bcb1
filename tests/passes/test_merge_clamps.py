import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from armlet.passes.merge_clamps import merge_clamps
from armlet.passes.values import clip_bounds

CLAMPS = {
    "Relu": ("Relu ({x})", lambda x, low, high: np.maximum(x, 0)),
    "Min": ("Min ({x}, {high})", lambda x, low, high: np.minimum(x, high)),
    "Max": ("Max ({low}, {x})", lambda x, low, high: np.maximum(x, low)),
    "Clip": ("Clip ({x}, {low}, {high})", lambda x, low, high: np.minimum(np.maximum(x, low), high)),
}
bounds = st.tuples(*[st.sampled_from([-2.0, -1.0, 0.0, 1.0, 6.0])] * 2)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(CLAMPS)), st.sampled_from(list(CLAMPS)), bounds, bounds)
def test_any_two_clamps_are_one(parse, operators, run, inner, outer, inner_bounds, outer_bounds):
    """Also where the intervals do not meet, and where a Clip has its bounds the wrong way round."""
    names = [("l1", "h1"), ("l2", "h2")]
    numbers = dict(zip(sum(names, ()), (*inner_bounds, *outer_bounds), strict=True))
    lines = [
        f"{result} = {CLAMPS[kind][0].format(x=operand, low=low, high=high)}"
        for result, kind, operand, (low, high) in (("m", inner, "x", names[0]), ("y", outer, "m", names[1]))
    ]
    arrays = {name: np.array(number, np.float32) for name, number in numbers.items()}
    model = parse(" ".join(lines), shape="9", **arrays)
    merge_clamps.run(model)
    assert operators(model) == {"Clip": 1}
    x = np.linspace(-4, 8, 9, dtype=np.float32)
    expected = CLAMPS[outer][1](CLAMPS[inner][1](x, *inner_bounds), *outer_bounds)
    np.testing.assert_array_equal(run(model, x), expected)


def test_three_clamps_are_one(parse):
    model = parse("a = Relu (x) b = Min (a, six) y = Clip (b, zero, six)")
    assert merge_clamps.run(model).rewritten == 2
    (clip,) = model.graph
    assert (clip.name, clip_bounds(clip)) == ("y", (0, 6))


@pytest.mark.parametrize(
    "text", ["m = Max (x, x) y = Min (m, six)", "y = Clip (x, zero, six)", "m = Sigmoid (x) y = Min (m, six)"]
)
def test_other_things_stay(text, parse, operators):
    model = parse(text)
    before = operators(model)
    assert merge_clamps.run(model).rewritten == 0
    assert operators(model) == before


def test_a_clamp_used_elsewhere_stays(parse):
    model = parse("r = Relu (x) m = Min (r, six) y = Add (m, r)")
    (refusal,) = merge_clamps.run(model).refused
    assert (refusal.node, refusal.reason) == ("m", "the output of r is used elsewhere too")
