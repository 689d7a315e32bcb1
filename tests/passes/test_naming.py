import numpy as np
import onnx_ir as ir
import pytest

from armlet.passes.naming import name_replacement


def node(op_type, name):
    return ir.node(op_type, [], name=name)


@pytest.mark.parametrize(
    ("replaced", "new", "names"),
    [
        (["BatchNormalization a/bn", "Conv a/conv"], ["Conv"], ["a/conv"]),
        (["Mul b/se/scale", "Relu b/se/reduce/act", "Conv b/se/reduce/conv"], ["Call"], ["b/se"]),
        (
            ["HardSwish a/act"],
            ["Mul", "Add", "Clip", "Mul"],
            ["a/act/mul", "a/act/add", "a/act/clip", "a/act/mul_1"],
        ),
        (["Mul node_3", "Clip node_2"], ["HardSwish"], ["node_3"]),
        (["Mul /a/Mul", "Clip /a/Clip"], ["HardSwish"], ["/a"]),
        (["Mul taken/scale"], ["Call"], ["taken/scale"]),
        (["Mul taken/b", "Relu taken/a"], ["Call"], ["taken_1"]),
        (["Mul ", "Relu "], ["Call"], ["call"]),
    ],
)
def test_names(replaced, new, names):
    old = [node(*entry.split(" ")) for entry in replaced]
    nodes = [node(op_type, None) for op_type in new]
    graph = ir.Graph([], [], nodes=[node("Relu", "taken"), *nodes])
    name_replacement(graph, old, nodes, nodes[-1].outputs, [])
    assert [entry.name for entry in nodes] == names


def initializer(name, content):
    return ir.Value(
        name=name, const_value=ir.tensor(np.float32(content)), type=ir.TensorType(ir.DataType.FLOAT)
    )


def test_equal_constants_become_one_and_others_are_told_apart():
    kept = initializer("half", 0.5)
    equal, other = initializer("half", 0.5), initializer("half", 0.25)
    adding = ir.node("Add", [equal, other], name="new")
    graph = ir.Graph([], [], nodes=[adding], initializers=[kept])
    name_replacement(graph, [], [adding], adding.outputs, [equal, other])
    assert adding.inputs[0] is kept
    assert {name: value.const_value.numpy() for name, value in graph.initializers.items()} == {
        "half": 0.5,
        "half_1": 0.25,
    }
