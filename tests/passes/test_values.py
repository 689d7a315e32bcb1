import math

import numpy as np
import pytest

from armlet.passes.values import clip_bounds, constant, is_close, scalar


@pytest.mark.parametrize("number", [1 / 6, 0.1666667, 0.16666667, float(np.float32(1 / 6))])
def test_a_sixth_to_rounding_is_a_sixth(number):
    assert is_close(number, 1 / 6)


@pytest.mark.parametrize("number", [0.16667, 0.166667, 0.1666, 0.2, math.nan])
def test_other_numbers_are_not(number):
    assert not is_close(number, 1 / 6)


def test_numbers_of_one_element_only(parse):
    model = parse("s = Add (x, one) t = Add (s, many) y = Add (t, x)", many=np.ones((4, 1, 1), np.float32))
    one, many = (node.inputs[1] for node in list(model.graph)[:2])
    assert scalar(one) == 1
    assert scalar(many) is None
    assert scalar(model.graph.inputs[0]) is None
    assert constant(many).shape == (4, 1, 1)


def test_an_initializer_that_is_an_input_is_not_constant(parse):
    model = parse("y = Add (x, one)")
    one = model.graph.initializers["one"]
    model.graph.inputs.append(one)
    assert constant(one) is None


@pytest.mark.parametrize(
    ("opset", "text", "bounds"),
    [
        (21, "y = Clip (x, zero, six)", (0, 6)),
        (21, "y = Clip (x, zero)", (0, math.inf)),
        (21, "y = Clip (x, , six)", (-math.inf, 6)),
        (21, "y = Clip (x)", (-math.inf, math.inf)),
        (21, "c = Abs (six) y = Clip (x, zero, c)", None),
        (10, "y = Clip <min: float = 0.0, max: float = 6.0> (x)", (0, 6)),
        (10, "y = Clip <max: float = 6.0> (x)", (-math.inf, 6)),
    ],
)
def test_clip_bounds_in_every_opset(opset, text, bounds, parse):
    assert clip_bounds(parse(text, opset=opset).graph[-1]) == bounds
