import numpy as np
import onnx
import pytest

from armlet.errors import InvalidModelError, UsageError
from armlet.frontend.importer import from_proto


def parse(shape="N,3,H,W", text="y = Relu (x)", inputs="float[{}] x"):
    proto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]>'
        f"model ({inputs.format(shape)}) => (float[{shape}] y) {{ {text} }}"
    )
    proto.graph.value_info.append(onnx.helper.make_tensor_value_info("z", 1, ["N", "what", "ever"]))
    return proto


def shapes(model):
    return [list(value.shape) for value in (*model.graph.inputs, *model.graph.outputs)]


def test_an_open_batch_is_one():
    assert shapes(from_proto(parse("N,3,8,8"), "m")) == [[1, 3, 8, 8]] * 2


@pytest.mark.parametrize("key", ["", "x"])
def test_a_shape_by_name_or_for_the_only_input(key):
    assert shapes(from_proto(parse(), "m", {key: (1, 3, 6, 7)})) == [[1, 3, 6, 7]] * 2


def test_a_static_shape_is_replaced():
    assert shapes(from_proto(parse("8,3,8,8"), "m", {"": (1, 3, 6, 7)})) == [[1, 3, 6, 7]] * 2


def test_shape_arithmetic_of_an_open_batch():
    text = """s = Shape (x) zero = Constant <value: tensor = int64 {0}> () n = Gather (s, zero)
        axes = Constant <value: tensor = int64[1] {0}> () n1 = Unsqueeze (n, axes)
        rest = Constant <value: tensor = int64[1] {-1}> () to = Concat <axis = 0> (n1, rest)
        y = Reshape (x, to)"""
    proto = parse("N,3,8,8", text)
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    assert shapes(from_proto(proto, "m")) == [[1, 3, 8, 8], [1, 192]]


@pytest.mark.parametrize(
    ("given", "error", "complaint"),
    [
        (
            {},
            InvalidModelError,
            r"input 'x' has the shape \[1, 3, 'H', 'W'\]: expected static .*--input-shape",
        ),
        ({"": (1, 3, 8)}, UsageError, r"input 'x' of m has the shape .*, found \[1, 3, 8\]: give as many"),
        ({"": (1, 3, 0, 8)}, UsageError, r"\[1, 3, 0, 8\] is no shape for input 'x'"),
        ({"": (1, 3, 8, 10**20)}, UsageError, r"sizes are 1 to 268,435,456"),
        ({"image": (1, 3, 8, 8)}, UsageError, "m has no input 'image': name one of 'x'"),
        ({"": (1, 3, 8, 8), "x": (1, 3, 9, 9)}, UsageError, "input 'x' of m has two shapes, one without"),
        ({"": (1, 3, 20_000, 20_000)}, InvalidModelError, "at most 268,435,456 elements"),
    ],
)
def test_what_does_not_fit(given, error, complaint):
    with pytest.raises(error, match=complaint) as caught:
        from_proto(parse(), "m", given)
    assert "\n" not in str(caught.value)


def test_several_inputs_are_named():
    proto = parse("N,3,8,8", "y = Add (x, z)", "float[{0}] x, float[{0}] z")
    with pytest.raises(UsageError, match=r"m has several inputs, .*: name one of 'x', 'z'"):
        from_proto(proto, "m", {"": (1, 3, 8, 8)})


def test_sizes_that_contradict_the_graph():
    proto = parse("1,3,8,8", "y = Add (x, z)")
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((1, 3, 8, 8), np.float32), "z"))
    with pytest.raises(InvalidModelError, match="m is not valid ONNX"):
        from_proto(proto, "m", {"": (1, 3, 6, 6)})
