import numpy as np
import onnx
import pytest

from armlet.errors import InvalidModelError
from armlet.frontend.importer import from_proto
from armlet.frontend.versions import NEWEST_IR_VERSION, NEWEST_OPSET, OLDEST_OPSET
from armlet.passes.verify import Runner


def parse(text, opset, ir_version=8, functions=""):
    return onnx.parser.parse_model(
        f'<ir_version: {ir_version}, opset_import: ["" : {opset}, "ai.onnx.ml" : 2, "own" : 1]>'
        f"model (float[1,4,6,6] x) => (float[1,4,6,6] y) {{ {text} }} {functions}"
    )


@pytest.mark.parametrize("opset", [7, 9, 10, 11, 12, 13])
def test_an_older_opset_is_raised(opset):
    bounds = "<min: float = 0.0, max: float = 6.0> (a)" if opset < 11 else "(a, zero, six)"
    constants = (
        "zero = Constant <value: tensor = float {0.0}> () six = Constant <value: tensor = float {6.0}> ()"
    )
    model = from_proto(parse(f"a = Relu (x) {constants} b = Clip {bounds} y = Dropout (b)", opset), "m")
    assert model.opset_imports[""] == OLDEST_OPSET
    x = np.random.default_rng(0).normal(0, 9, (1, 4, 6, 6)).astype(np.float32)
    np.testing.assert_array_equal(Runner(model)({"x": x})[0], np.clip(x, 0, 6))


@pytest.mark.parametrize("opset", [14, 17, 21, 26])
def test_a_known_opset_stays(opset):
    assert from_proto(parse("y = Relu (x)", opset), "m").opset_imports[""] == opset


@pytest.mark.parametrize("opset", [27, 28])
def test_what_onnx_writes_by_default_is_lowered(opset):
    proto = parse("a = HardSwish (x) y = own.Twice (a)", opset, ir_version=14)
    twice = onnx.helper.make_node("Add", ["a", "a"], ["b"])
    opsets = [onnx.helper.make_opsetid("", opset)]
    proto.functions.append(onnx.helper.make_function("own", "Twice", ["a"], ["b"], [twice], opsets))
    model = from_proto(proto, "m")
    assert (model.opset_imports[""], model.ir_version) == (NEWEST_OPSET, NEWEST_IR_VERSION)
    assert [node.op_type for node in model.graph] == ["HardSwish", "Add"]
    assert Runner(model)({"x": np.full((1, 4, 6, 6), 3, np.float32)})[0].max() == 6


def test_what_cannot_be_converted_is_said():
    # HardSwish came with opset 14.
    with pytest.raises(InvalidModelError, match="m has opset 13, which cannot be converted to 14") as caught:
        from_proto(parse("y = HardSwish (x)", 13), "m")
    assert "\n" not in str(caught.value)
    assert "/" not in str(caught.value)
