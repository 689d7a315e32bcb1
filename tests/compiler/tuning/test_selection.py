"""Which record a kernel gets."""

import json
from dataclasses import asdict

import pytest

from armlet.compiler.kernels import template_of
from armlet.compiler.tuning import Record, Selection, Trial
from armlet.compiler.tuning.workload import workload
from armlet.targets import find_core


@pytest.fixture
def node(parse, fused):
    (node,) = fused(parse("y = Conv(x, k, b)", "1,24,7,7", k=(40, 24, 1, 1), b=(40,))).graph
    return node


@pytest.fixture
def record(node):
    def made(cost, vectors, **fields):
        template = template_of(node)
        of = {"kernel": "pointwise", "shape": workload(node), "core": "cortex-a76", "precision": "fp32"}
        trial = of | {"template": template.version, "device": "sim:cortex-a76, yardstick 1"} | fields
        parameters = json.dumps(asdict(template.parameters(vectors)))
        return Record(Trial(**trial, parameters=parameters), cost)

    return made


def selected(node, *records):
    selection = Selection("cortex-a76", "fp32", records)
    return selection, selection(node, template_of(node))


def test_the_cheapest_is_chosen(node, record):
    selection, parameters = selected(node, record(9.0, 2), record(8.0, 3), record(9.5, 4))
    assert parameters.vectors == 3
    assert selection.to_json() == {"used": [node.name], "missing": [], "stale": []}


def test_a_device_is_believed_before_a_model(node, record):
    _, parameters = selected(node, record(8.0, 3), record(9e5, 4, device="pi5"))
    assert parameters.vectors == 4


def test_what_was_measured_in_a_tuned_network_counts_more(node, record):
    among = {"device": "sim:cortex-a76, yardstick 1, among the best"}
    _, parameters = selected(node, record(8.0, 3), record(9.0, 4, **among), record(9.5, 2, **among))
    assert parameters.vectors == 4
    _, parameters = selected(node, record(9.0, 4, **among), record(9e5, 3, device="pi5"))
    assert parameters.vectors == 3


@pytest.mark.parametrize(
    "other", [{"core": "cortex-a72"}, {"precision": "fp16"}, {"shape": "Conv"}, {"kernel": "dense"}]
)
def test_records_of_others_are_none(node, record, other):
    selection, parameters = selected(node, record(8.0, 3, **other))
    assert parameters is None
    assert selection.to_json() == {"used": [], "missing": [node.name], "stale": []}


def test_a_record_of_another_version_of_the_template_is_stale(node, record):
    selection, parameters = selected(node, record(8.0, 3, template=0))
    assert parameters is None
    assert selection.to_json() == {"used": [], "missing": [], "stale": [node.name]}


def test_parameters_of_another_template_are_refused(node):
    with pytest.raises(TypeError):
        template_of(node).read({"vectors": 2, "colour": "red"})


def test_every_candidate_is_read_back(parse, fused):
    for text, shape, window in (
        ("y = Conv(x, k)", "1,8,9,9", (16, 8, 1, 1)),
        ("y = Conv<strides=[2,2]>(x, k)", "1,3,9,9", (16, 3, 3, 3)),
        ("y = Conv<group=8>(x, k)", "1,8,9,9", (8, 1, 3, 3)),
        ("y = Conv<group=8>(x, k)", "1,8,9,9", (8, 1, 5, 5)),
    ):
        (node,) = fused(parse(text, shape, k=window)).graph
        template = template_of(node)
        for core in map(find_core, ("cortex-a53", "cortex-a76", "host")):
            for parameters in template.candidates(node, core):
                assert template.read(json.loads(json.dumps(asdict(parameters)))) == parameters
