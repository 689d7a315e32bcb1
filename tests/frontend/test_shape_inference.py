import numpy as np
import onnx
import onnx_ir as ir
import pytest

from armlet.errors import InvalidModelError
from armlet.frontend.shape_inference import infer_shapes

# How torch's older exporter writes padding that it computes from the size of its input.
PADDING = """
    size = Constant <value: tensor = int64[1] {4}> ()
    front = ConstantOfShape <value: tensor = int64[1] {0}> (size)
    shape = Shape (x) two = Constant <value: tensor = int64 {2}> () height = Gather (shape, two)
    five = Constant <value: tensor = int64 {5}> () rest = Sub (five, height)
    axes = Constant <value: tensor = int64[1] {0}> () rest1 = Unsqueeze (rest, axes)
    back = Concat <axis = 0> (rest1, rest1) zeros = ConstantOfShape <value: tensor = int64[1] {0}> (back_size)
    pads = Concat <axis = 0> (front, zeros, back) y = Pad (x, pads)
"""


def parse(text, shape="1,3,4,4"):
    proto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]> m (float[{shape}] x) => (float[] y) {{ {text} }}'
    )
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2]), "back_size"))
    return proto


def test_what_onnx_infers_needs_no_folding():
    proto = infer_shapes(parse("a = Relu (x) y = Flatten (a)"), "m")
    assert [node.op_type for node in proto.graph.node] == ["Relu", "Flatten"]
    assert list(ir.from_proto(proto).graph.outputs[0].shape) == [1, 48]


def test_arithmetic_on_shapes_is_folded():
    model = ir.from_proto(infer_shapes(parse(PADDING), "m"))
    assert list(model.graph.outputs[0].shape) == [1, 3, 5, 5]
    assert "Shape" not in {node.op_type for node in model.graph}


def test_what_depends_on_data_is_refused():
    with pytest.raises(InvalidModelError, match=r"m: output of node '.*' \(NonZero\) 'n' has the shape"):
        infer_shapes(parse("n = NonZero (x) y = Cast <to = 1> (n)"), "m")
