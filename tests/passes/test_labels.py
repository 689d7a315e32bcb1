"""Labels: where the original decides by less than is allowed, another is no error."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from armlet.passes.labels import Labels
from armlet.passes.verify import Runner, relative_error

# Of three classes, three pixels.
SCORES = np.array([[[[5, 1, 2]], [[4, 3, 2]], [[0, 2, 10]]]], np.float32)
MARGINS = np.array([[[0.05, 0.05, 0.4]]], np.float32)


def run(end: str, type_: str = "int64"):
    text = f'<ir_version: 10, opset_import: ["" : 21]> test (float[1,3,1,3] x) => ({type_}[?] y) {{ {end} }}'
    proto = onnx.parser.parse_model(text)
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    return Runner(ir.from_proto(proto)).with_margins({"x": SCORES})


@pytest.mark.parametrize(
    ("end", "type_", "shape"),
    [
        ("y = ArgMax<axis=1, keepdims=0>(x)", "int64", (1, 1, 3)),
        ("y = ArgMax<axis=-3>(x)", "int64", (1, 1, 1, 3)),
        ("a = ArgMax<axis=1>(x) b = Cast<to=6>(a) y = Flatten(b)", "int32", (1, 3)),
        ("s = Exp(x) y = ArgMax<axis=1>(s)", "int64", (1, 1, 1, 3)),
    ],
)
def test_margins_are_by_the_range_of_the_scores(end, type_, shape):
    (labels,), (margins,) = run(end, type_)
    assert labels.ravel().tolist() == [0, 1, 2]
    assert margins.shape == labels.shape == shape
    if "Exp" not in end:
        np.testing.assert_allclose(margins.ravel(), MARGINS.ravel())


def test_numbers_have_no_margins():
    assert run("y = Relu(x)", "float")[1] == [None]


def test_of_one_class_nothing_else_may_be():
    one = Labels(0, ir.Value(name="scores"), 1)
    assert one.margins(np.zeros((1, 1, 2)), np.zeros((1, 2))).tolist() == [[np.inf, np.inf]]


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_excuse_nothing(score):
    scores = SCORES.copy()
    scores[0, 0, 0, 0] = score
    margins = Labels(0, ir.Value(name="scores"), 1).margins(scores, scores.argmax(1))
    assert relative_error([np.array([[[0, 1, 2]]])], [np.array([[[0, 1, 1]]])], [margins]) == np.inf


@pytest.mark.parametrize(("wrong", "error"), [([], 0), ([1], 0.05), ([0, 1], 0.05), ([0, 2], 0.4)])
def test_the_clearest_of_those_that_differ(wrong, error):
    labels = np.array([[[0, 1, 2]]])
    others = labels.copy()
    others[..., wrong] += 1
    assert relative_error([labels], [others], [MARGINS]) == pytest.approx(error)


def test_another_shape_is_an_error():
    assert relative_error([np.zeros((1, 1, 3))], [np.zeros((1, 3))], [MARGINS]) == np.inf
