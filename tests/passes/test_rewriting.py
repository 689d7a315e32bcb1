import re

import pytest
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase

from armlet.passes import PIPELINES
from armlet.passes.clean_up import clean_up
from armlet.passes.clip_hard_swish import clip_hard_swish
from armlet.passes.fold_batch_norm import fold_batch_norm
from armlet.passes.recognise_hard_sigmoid import recognise_hard_sigmoid
from armlet.passes.rewriting import Changes, check_order, rewriting


class SquareRelu(RewriteRuleClassBase):
    """Relu(Relu(x)) -> Relu(x), unless x is an Abs: a rule with a refusal."""

    def pattern(self, op, x):
        return op.Relu(op.Relu(x))

    def check(self, context, x):
        return MatchResult().fail("x is positive") if x.producer() else MatchResult()

    def rewrite(self, op, x):
        return op.Relu(x)


run_rule = rewriting([SquareRelu.rule()])


@pytest.mark.parametrize("target", PIPELINES)
def test_the_pipelines_are_in_order(target):
    check_order(PIPELINES[target])


def test_a_pass_before_what_it_needs_is_refused():
    with pytest.raises(
        ValueError, match=re.escape("fold_batch_norm must run after clean_up: change the order")
    ):
        check_order([fold_batch_norm, clean_up])


def test_a_pass_after_what_destroys_its_sites_is_refused():
    order = [entry for entry in PIPELINES["tvm"] if entry is not recognise_hard_sigmoid]
    with pytest.raises(ValueError, match="recognise_hard_swish must run after recognise_hard_sigmoid"):
        check_order(order)
    with pytest.raises(
        ValueError, match="recognise_hard_sigmoid must run before clip_hard_swish: change the order"
    ):
        check_order([*PIPELINES["onnxruntime"], clip_hard_swish, recognise_hard_sigmoid])


def test_a_rewrite_gives_the_site_before_and_after(parse, operators):
    model = parse("a = Relu (x) y = Relu (a)")
    changes = run_rule(model)
    (site,) = changes.sites
    assert (changes.rewritten, changes.refused, site.name) == (1, (), "y")
    assert (operators(site.before), operators(site.after)) == ({"Relu": 2}, {"Relu": 1})
    assert [value.name for value in site.before.graph.inputs] == ["x"]
    assert [tuple(value.shape) for value in site.after.graph.outputs] == [(1, 4, 5, 5)]


def test_a_refusal_names_the_node_and_the_reason(parse):
    (refusal,) = run_rule(parse("b = Abs (x) a = Relu (b) y = Relu (a)")).refused
    assert (refusal.node, refusal.reason) == ("y", "x is positive")


def test_a_node_used_elsewhere_or_as_an_output_is_refused(parse):
    (refusal,) = run_rule(parse("a = Relu (x) b = Relu (a) y = Add (a, b)")).refused
    assert (refusal.node, refusal.reason) == ("b", "the output of a is used elsewhere too")
    model = parse("a = Relu (x) y = Relu (a)")
    model.graph.outputs.append(model.graph[0].outputs[0])
    (refusal,) = run_rule(model).refused
    assert refusal.reason == "the output of a is used elsewhere too"


def test_a_node_of_another_kind_is_no_site(parse):
    assert run_rule(parse("a = Sigmoid (x) y = Relu (a)")) == Changes()
