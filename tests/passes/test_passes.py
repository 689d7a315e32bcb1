import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx_ir.passes.common import ShapeInferencePass
from onnxscript.rewriter import RewriteRuleClassBase

import armlet
from armlet.errors import UsageError
from armlet.passes import PIPELINES, optimize
from armlet.passes.rewriting import rewriting
from armlet.passes.values import clip, number
from armlet.passes.verify import TOLERANCE, Runner

COUNTS = {
    # fold_batch_norm, fuse_squeeze_excite, clip_hard_swish: the rows of the papers' tables.
    "mobilenet_v3_large": (46, 8, 21),
    "mobilenet_v3_small": (34, 9, 19),
    "mobilenet_v2": (52, 0, 0),
}


@pytest.fixture(scope="module", params=COUNTS)
def network(request):
    model = armlet.build(request.param)
    return request.param, model, {target: optimize(model, target) for target in PIPELINES}


def test_every_site_of_the_networks_is_rewritten(network):
    name, _, optimized = network
    rewritten = {entry.name: entry.rewritten for entry in optimized["tvm"].report.passes}
    counts = tuple(rewritten[step] for step in ("fold_batch_norm", "fuse_squeeze_excite", "clip_hard_swish"))
    assert counts == COUNTS[name]
    assert not any(entry.refused for entry in optimized["tvm"].report.passes)


def test_nothing_is_left_that_the_form_for_tvm_excludes(network, operators):
    _, _, optimized = network
    left = operators(optimized["tvm"].model)
    assert not left.keys() & {"BatchNormalization", "HardSigmoid", "HardSwish", "Div"}
    assert len(optimized["tvm"].model.functions) == (1 if "SqueezeExcite" in left else 0)


def test_the_form_for_onnxruntime_keeps_its_kernels(network, operators):
    name, model, optimized = network
    before, after = operators(model), operators(optimized["onnxruntime"].model)
    assert after == {
        operator: count for operator, count in before.items() if operator != "BatchNormalization"
    }
    assert before["BatchNormalization"] == COUNTS[name][0]


def test_errors_are_reported_and_within_the_tolerance(network):
    _, _, optimized = network
    for result in optimized.values():
        assert 0 < result.report.worst_error <= TOLERANCE
        assert all(entry.worst_error <= TOLERANCE for entry in result.report.passes)
    folding = next(entry for entry in optimized["tvm"].report.passes if entry.name == "fold_batch_norm")
    assert folding.worst_error > 0
    assert folding.worst_site.endswith("/bn")


def test_both_forms_pass_the_full_check_and_run_in_plain_onnxruntime(network):
    _, model, optimized = network
    image = np.random.default_rng(7).standard_normal((1, 3, 224, 224), dtype=np.float32)
    (expected,) = Runner(model)({"image": image})
    for result in optimized.values():
        proto = ir.to_proto(result.model)
        onnx.checker.check_model(proto, full_check=True)
        assert (proto.ir_version, proto.opset_import[0].version) == (
            model.ir_version,
            model.opset_imports[""],
        )
        (logits,) = ort.InferenceSession(proto.SerializeToString()).run(None, {"image": image})
        assert np.abs(logits - expected).max() <= TOLERANCE * np.ptp(expected)


def test_names_are_unique_and_come_from_the_input(network):
    name, model, optimized = network
    for result in optimized.values():
        names = [node.name for node in result.model.graph]
        assert len(set(names)) == len(names)
        folders = {node.name.split("/")[0] for node in model.graph}
        assert {node.split("/")[0] for node in names} <= folders
    layers = {node.name for node in model.graph if node.op_type in ("Conv", "Gemm")}
    if name == "mobilenet_v2":
        assert layers <= {node.name for node in optimized["tvm"].model.graph}
    else:
        calls = [node.name for node in optimized["tvm"].model.graph if node.op_type == "SqueezeExcite"]
        assert all(call.endswith("/se") for call in calls)


def test_every_value_has_its_shape(network):
    for result in network[2].values():
        for node in result.model.graph:
            assert all(value.dtype == ir.DataType.FLOAT for value in node.outputs)
            assert all(value.shape.is_static() for value in node.outputs)


def test_the_input_is_not_changed(network):
    name, model, _ = network
    assert ir.to_proto(model) == ir.to_proto(armlet.build(name))


class Respell(RewriteRuleClassBase):
    """Write an activation with Relu, Min, Clip and divisions, in three ways in turn."""

    def __init__(self, operator):
        super().__init__()
        self.operator = operator
        self.count = 0

    def pattern(self, op, x):
        return getattr(op, self.operator)(x, _outputs=["y"])

    def rewrite(self, op, x, y):
        self.count += 1
        sum_, six, sixth = op.Add(number(op, 3, x), x), number(op, 6, x), number(op, 1 / 6, x)
        match self.count % 3:
            case 0:
                gate = op.Div(clip(op, sum_, 0, 6, x), six)
            case 1:
                gate = op.Mul(sixth, op.Min(op.Relu(sum_), six))
            case _:
                gate = op.Div(op.Max(op.Min(six, sum_), number(op, 0, x)), six)
        return gate if self.operator == "HardSigmoid" else op.Mul(gate, x)


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mobilenet_v3_small"])
def test_a_network_spelled_otherwise_becomes_the_same(name, operators):
    model = armlet.build(name, resolution=96)
    plain = optimize(model)
    assert rewriting([Respell.rule("HardSigmoid"), Respell.rule("HardSwish")])(model).rewritten == sum(
        COUNTS[name][1:]
    )
    ShapeInferencePass()(model)
    assert not operators(model).keys() & {"HardSigmoid", "HardSwish"}
    spelled = optimize(model)
    assert operators(spelled.model) == operators(plain.model)
    rewritten = {entry.name: entry.rewritten for entry in spelled.report.passes}
    _, gates, swishes = COUNTS[name]
    assert rewritten["recognise_hard_sigmoid"] == gates + swishes
    assert (rewritten["recognise_hard_swish"], rewritten["fuse_squeeze_excite"]) == (swishes, gates)


@pytest.mark.parametrize("target", PIPELINES)
def test_optimising_twice_changes_nothing(target):
    once = optimize(armlet.build("mobilenet_v3_small", width=0.5, resolution=96), target).model
    twice = optimize(once, target).model
    assert ir.to_proto(twice).SerializeToString() == ir.to_proto(once).SerializeToString()


def test_the_same_model_gives_the_same_bytes():
    first, second = (optimize(armlet.build("mobilenet_v3_small", resolution=96)) for _ in range(2))
    assert first.report == second.report
    assert ir.to_proto(first.model).SerializeToString() == ir.to_proto(second.model).SerializeToString()


@pytest.mark.parametrize("opset", [14, 17, 21, 23])
def test_the_opset_stays(opset, parse, operators):
    model = parse("h = HardSwish (x) y = Relu (h)", opset=opset)
    optimized = optimize(model).model
    assert dict(optimized.opset_imports) == {"": opset}
    assert operators(optimized) == {"Mul": 2, "Add": 1, "Clip": 1, "Relu": 1}


def test_another_target_is_a_usage_error(parse):
    with pytest.raises(UsageError, match="no target 'npu': expected one of tvm, onnxruntime"):
        optimize(parse("y = Relu (x)"), target="npu")
