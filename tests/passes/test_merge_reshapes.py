import numpy as np
import pytest

from armlet.passes.merge_reshapes import merge_reshapes
from armlet.passes.verify import site_error

SHAPES = {
    "row": np.array([1, -1]),
    "map": np.array([1, 4, 5, 5]),
    "axes": np.array([2, 3]),
    "two": np.array([2, 50]),
}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a = Flatten (x) y = Reshape (a, map)", {}),
        ("y = Reshape (x, map)", {}),
        ("a = Unsqueeze (x, axes) b = Squeeze (a, axes) c = Flatten (b) y = Reshape (c, map)", {}),
        ("a = Flatten (x) b = Reshape (a, two) c = Relu (b) y = Reshape (c, map)", {"Reshape": 2, "Relu": 1}),
        (
            "a = Flatten (x) b = Reshape (a, map) c = ReduceMean<keepdims=0>(a) y = Add (b, c)",
            {"Flatten": 1, "ReduceMean": 1, "Add": 1},
        ),
    ],
)
def test_one_reshape_at_most(text, left, parse, run, x, operators):
    model = parse(f"r = Relu (x) {text.replace('(x', '(r')}", opset=17, **SHAPES)
    expected = run(model, x)
    changes = merge_reshapes.run(model)
    assert changes.rewritten
    assert all(site_error(site) == 0 for site in changes.sites)
    assert operators(model) == {"Relu": 1 + left.pop("Relu", 0), **left}
    np.testing.assert_array_equal(run(model, x), expected)
