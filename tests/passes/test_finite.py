import numpy as np
import onnx
import onnx_ir as ir
import pytest

from armlet.errors import InvalidModelError
from armlet.passes import optimize

COMPLAINT = "{} holds NaN or infinity, expected finite numbers"


@pytest.mark.parametrize("content", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_no_number_is_refused(content, parse):
    weight = np.ones((4, 4, 1, 1), np.float32)
    weight[1, 2] = content
    # The Relu hides a NaN of the Conv from the output.
    with pytest.raises(InvalidModelError, match=COMPLAINT.format("w")):
        optimize(parse("c = Conv (x, w) y = Relu (c)", w=weight))


@pytest.mark.parametrize("attribute", ["value = float {nan}", "value_floats: floats = [1.0, nan]"])
def test_a_constant_node_that_is_no_number_is_refused(attribute, parse):
    with pytest.raises(InvalidModelError, match=COMPLAINT.format("c")):
        optimize(parse(f"c = Constant <{attribute}> () y = Add (x, c)", shape="1,2"))


BRANCHES = """
    <ir_version: 8, opset_import: ["" : 21]>
    model (float[4] x) => (float[4] y) <bool never = {{0}}> {{
        y = If (never) <
            then_branch = taken () => (float[4] t) {{ {constant} t = Add (x, c) }},
            else_branch = other () => (float[4] e) {{ e = Neg (x) }}
        >
    }}
"""


def test_a_branch_never_taken_is_looked_into():
    node = "c = Constant <value = float {nan}> ()"
    with pytest.raises(InvalidModelError, match=COMPLAINT.format("c")):
        optimize(ir.from_proto(onnx.parser.parse_model(BRANCHES.format(constant=node))))


def test_an_initializer_of_a_branch_is_looked_into():
    proto = onnx.parser.parse_model(BRANCHES.format(constant=""))
    branch = proto.graph.node[0].attribute[0].g
    branch.initializer.append(onnx.numpy_helper.from_array(np.float32(np.nan), "c"))
    with pytest.raises(InvalidModelError, match=COMPLAINT.format("c")):
        optimize(ir.from_proto(proto))


def test_an_open_bound_and_a_mask_may_be_infinite(parse, operators):
    model = parse(
        "c = Clip (x, low, six) s = Add (c, mask) y = Softmax (s)",
        low=np.float32(-np.inf),
        mask=np.where(np.eye(5), 0, -np.inf).astype(np.float32),
    )
    optimized = optimize(model)
    assert operators(optimized.model) == {"Clip": 1, "Add": 1, "Softmax": 1}
    assert optimized.report.large_skipped is None
