import numpy as np
import onnx
import onnx_ir as ir
import pytest

from armlet.errors import InvalidModelError
from armlet.passes import optimize
from armlet.passes.clean_up import clean_up
from armlet.passes.squeeze_excite_function import squeeze_excite_function


def test_identities_and_dead_nodes_go(parse, operators):
    model = parse("i = Identity (x) r = Relu (i) dead = Sigmoid (r) deader = Abs (dead) y = Identity (r)")
    changes = clean_up.run(model)
    assert operators(model) == {"Relu": 1}
    assert (changes.rewritten, changes.refused) == (4, ())
    assert model.graph.outputs[0].name == "y"


@pytest.mark.parametrize(
    ("opset", "text"),
    [
        (10, "d = Dropout <ratio: float = 0.2> (x)"),
        (10, "d, mask = Dropout (x)"),
        (21, "d = Dropout (x)"),
        (21, "d = Dropout (x, half)"),
        (21, "off = Constant <value = bool {0}> () d = Dropout (x, half, off)"),
    ],
)
def test_dropout_goes(opset, text, parse, operators, run, x):
    model = parse(f"{text} y = Relu (d)", opset=opset)
    clean_up.run(model)
    assert operators(model) == {"Relu": 1}
    np.testing.assert_array_equal(run(model, x), np.maximum(x, 0))


def test_a_dropout_that_ends_the_graph_leaves_the_name_of_its_output(parse, operators):
    model = parse("r = Relu (x) y = Dropout (r)", opset=10)
    clean_up.run(model)
    assert operators(model) == {"Relu": 1}
    assert [output.name for output in model.graph.outputs] == ["y"]


def test_dropout_in_training_mode_is_refused(parse, operators):
    model = parse("on = Constant <value = bool {1}> () y = Dropout (x, half, on)")
    (refusal,) = clean_up.run(model).refused
    assert (refusal.node, refusal.reason) == ("y", "it is in training mode, or may be switched to it")
    assert operators(model) == {"Dropout": 1}


def test_constant_nodes_become_initializers(parse, operators):
    model = parse(
        "c = Constant <value_float: float = 2.0> () d = Constant <value = float {3.0}> ()"
        " s = Add (x, c) y = Mul (s, d)"
    )
    clean_up.run(model)
    assert operators(model) == {"Add": 1, "Mul": 1}
    assert {name: float(v.const_value.numpy()) for name, v in model.graph.initializers.items()} == {
        "c": 2,
        "d": 3,
    }


def test_shape_arithmetic_becomes_a_constant(parse, operators, run, x):
    model = parse(
        "s = Shape (x) n = Gather (s, first) n1 = Unsqueeze (n, axis)"
        " m = Constant <value_ints: ints = [-1]> () to = Concat <axis: int = 0> (n1, m) y = Reshape (x, to)",
        out="1,100",
        first=np.array(0),
        axis=np.array([0]),
    )
    clean_up.run(model)
    assert operators(model) == {"Reshape": 1}
    np.testing.assert_array_equal(run(model, x), x.reshape(1, -1))


def test_unused_initializers_go(parse):
    model = parse("y = Relu (x)")
    model.graph.register_initializer(
        ir.Value(name="unused", const_value=ir.tensor(np.ones(3), name="unused"))
    )
    clean_up.run(model)
    assert not model.graph.initializers


def test_functions_of_the_model_are_inlined_but_not_squeeze_excite():
    proto = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 21, "other" : 1]>
        model (float[4] x) => (float[4] y) { y = other.Twice (x) }
        <opset_import: ["" : 21], domain: "other">
        Twice (a) => (b) { b = Add (a, a) }
    """)
    optimized = optimize(ir.from_proto(proto)).model
    assert [node.op_type for node in optimized.graph] == ["Add"]
    assert not optimized.functions
    assert set(optimized.opset_imports) == {""}


@pytest.mark.parametrize("ir_version", [3, 8])
def test_weights_that_a_caller_may_override_stay_inputs(ir_version, parse, operators):
    text = "k = Constant <value = float {2.0}> () a = Add (x, k) c = Conv (a, w) y = HardSigmoid (c)"
    model = parse(text, opset=8, w=np.ones((4, 4, 1, 1), np.float32))
    model.graph.inputs.append(model.graph.initializers["w"])
    model.ir_version = ir_version
    optimized = optimize(model).model
    # Folded, the Mul and the Add of the h-sigmoid would be gone.
    assert operators(optimized) == {"Add": 2, "Conv": 1, "Mul": 1, "Clip": 1}
    assert [value.name for value in optimized.graph.inputs] == ["x", "w"]
    assert optimized.ir_version == max(ir_version, 4)


def test_the_other_name_of_the_domain_of_onnx(parse, operators):
    model = parse("h = HardSwish (x) y = Relu (h)")
    model.opset_imports["ai.onnx"] = model.opset_imports.pop("")
    optimized = optimize(model).model
    assert operators(optimized) == {"Mul": 2, "Add": 1, "Clip": 1, "Relu": 1}
    assert dict(optimized.opset_imports) == {"": 21}


def test_another_function_named_squeeze_excite_is_inlined():
    call = """
        <ir_version: 8, opset_import: ["" : 21, "armlet" : 1]>
        model (float[1,4,5,5] x) => (float[1,4,5,5] y)
        <float[2,4,1,1] w1, float[2] b1, float[4,2,1,1] w2, float[4] b2>
        { y = armlet.SqueezeExcite (x, w1, b1, w2, b2) }
    """
    proto = onnx.parser.parse_model(call)
    rng = np.random.default_rng(0)
    for name, shape in (("w1", (2, 4, 1, 1)), ("b1", 2), ("w2", (4, 2, 1, 1)), ("b2", 4)):
        array = rng.normal(size=shape).astype(np.float32)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    model = ir.from_proto(proto)
    ours = squeeze_excite_function(21)
    model.functions[ours.identifier()] = ours
    assert [node.op_type for node in optimize(model).model.graph] == ["SqueezeExcite"]

    theirs = squeeze_excite_function(21)
    next(node for node in theirs if node.op_type == "Relu").op_type = "Tanh"
    model.functions[theirs.identifier()] = theirs
    optimized = optimize(model).model
    assert "SqueezeExcite" not in [node.op_type for node in optimized.graph]
    assert "Tanh" in [node.op_type for node in optimized.graph]
    assert not optimized.functions


def test_a_function_of_another_opset_is_refused():
    proto = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 21, "other" : 1]>
        model (float[4] x) => (float[4] y) { y = other.Twice (x) }
        <opset_import: ["" : 17], domain: "other">
        Twice (a) => (b) { b = Add (a, a) }
    """)
    with pytest.raises(InvalidModelError, match="a function of the model cannot be inlined: Opset mismatch"):
        optimize(ir.from_proto(proto))
