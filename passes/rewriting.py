"""What a pass is, and the loop that applies rewrite rules to a graph.

The matcher is onnxscript's. The loop is ours because onnxscript's own gives neither the reasons of
refusals nor the matched nodes: each site is cut out before and after, so that it can be verified alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import MatchingTracer, MatchResult, MatchStatus, RewriteRule, RewriteRuleSet

from .naming import name_replacement
from .report import Refusal
from .values import constant


@dataclass(frozen=True)
class Site:
    """One rewrite as two models with the same inputs and outputs."""

    name: str
    before: ir.Model
    after: ir.Model


@dataclass(frozen=True)
class Changes:
    """What one pass did to a model."""

    rewritten: int = 0
    refused: tuple[Refusal, ...] = ()
    sites: tuple[Site, ...] = ()


@dataclass(frozen=True)
class Pass:
    """A named change of a model in place, with its demands on the order of passes."""

    name: str
    run: Callable[[ir.Model], Changes]
    after: tuple[str, ...] = ()
    """Passes that must have run before."""
    not_after: tuple[str, ...] = ()
    """Passes that must not have run before: they destroy what this one looks for."""


def check_order(passes: Sequence[Pass]) -> None:
    """Raise ValueError if a pass stands where its demands are not met."""
    done: set[str] = set()
    for step in passes:
        if missing := set(step.after) - done:
            raise ValueError(f"{step.name} must run after {', '.join(sorted(missing))}: change the order")
        if clashing := set(step.not_after) & done:
            raise ValueError(f"{step.name} must run before {', '.join(sorted(clashing))}: change the order")
        done.add(step.name)


def rewriting(rules: Iterable[RewriteRule], *, commute: bool = False) -> Callable[[ir.Model], Changes]:
    """The `run` of a pass that applies `rules`, the first that accepts a node winning.

    With `commute`, each also matches with the operands of Add and Mul exchanged.
    """
    rule_set = RewriteRuleSet(list(rules), commute=commute)
    return partial(_apply, rule_set.rules)


def _apply(rules: Sequence[RewriteRule], model: ir.Model) -> Changes:
    """Rewrite every site of the main graph in place."""
    graph = model.graph
    refusals = _Refusals()
    sites = []
    for node in graph:
        for rule in rules:
            replacement = rule.try_rewrite(model, graph, node, tracer=refusals)
            if replacement is not None:
                sites.append(_replace(model, node, replacement, rule.remove_nodes))
                refusals.reasons.pop(node, None)
                break
    # A node refused on its own may have gone with a later site.
    refused = tuple(
        Refusal(node.name or node.op_type, why)
        for node, why in refusals.reasons.items()
        if node.graph is graph
    )
    return Changes(len(sites), refused, tuple(sites))


class _Refusals(MatchingTracer):
    """Keeps the first reason for refusing each node; a refusal without a reason is no site at all."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[ir.Node, str] = {}

    def log(
        self, rule: RewriteRule, container: object, node: ir.Node, match: MatchResult, status: MatchStatus
    ) -> None:
        reason = match.reason
        if status == MatchStatus.NO_MATCH:
            reason = (
                _shared_output(node, match.nodes)
                if reason.startswith("Matched nodes have other uses")
                else ""
            )
        if status != MatchStatus.SUCCESS and reason:
            self.reasons.setdefault(node, reason)


def _shared_output(root: ir.Node, matched: Sequence[ir.Node]) -> str:
    for node in matched:
        users = [user for output in node.outputs for user in output.consumers()]
        if node is not root and (
            any(output.is_graph_output() for output in node.outputs) or not set(users) <= set(matched)
        ):
            return f"the output of {node.name} is used elsewhere too"
    return ""


def _replace(model: ir.Model, root: ir.Node, replacement: Any, remove_all: bool) -> Site:
    """Put the `replacement` in the place of `root`; other matched nodes go with it, or if unused."""
    graph, matched = model.graph, replacement.match.nodes
    old_outputs, new_outputs = replacement.match.outputs, replacement.new_outputs
    inputs = _free_inputs(matched)
    before = _cut_out(model, inputs, old_outputs)
    stale = {
        value for node in matched for value in node.inputs if value is not None and value.is_initializer()
    }

    ir.convenience.replace_nodes_and_values(
        graph, root, matched if remove_all else [root], replacement.new_nodes, old_outputs, new_outputs
    )
    while unused := [node for node in matched if node.graph is graph and not _is_used(node)]:
        graph.remove(unused, safe=True)
    for value in stale:
        if not value.uses() and not value.is_graph_input() and not value.is_graph_output():
            del graph.initializers[value.name or ""]
    name_replacement(graph, matched, replacement.new_nodes, new_outputs, replacement.new_initializers)
    return Site(root.name or root.op_type, before, _cut_out(model, inputs, new_outputs))


def _is_used(node: ir.Node) -> bool:
    return any(output.uses() or output.is_graph_output() for output in node.outputs)


def _free_inputs(nodes: Sequence[ir.Node]) -> list[ir.Value]:
    inside = {output for node in nodes for output in node.outputs}
    free = [value for node in nodes for value in node.inputs if value is not None and value not in inside]
    return list(dict.fromkeys(value for value in free if constant(value) is None))


def _cut_out(model: ir.Model, inputs: Sequence[ir.Value], outputs: Sequence[ir.Value]) -> ir.Model:
    graph = ir.convenience.extract(model.graph, inputs, outputs)
    functions = [function.clone() for function in model.functions.values()]
    return ir.Model(graph, ir_version=model.ir_version, functions=functions)
