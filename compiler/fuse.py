"""Decide which nodes become one kernel: the only place where operations are fused.

Before: Conv -> Clip, Conv -> Add, DepthwiseConv -> GlobalAveragePool, Conv -> DepthwiseConv, ...   After: one
node each, of the op types that `take.py` describes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
from onnxscript.rewriter import RewriteRuleSet
from onnxscript.rewriter.pattern import MatchResult, RewriteRuleClassBase

from ..frontend.shapes import nbytes_of, shape_of
from ..passes.squeeze_excite_function import DOMAIN
from ..passes.values import clip_bounds, is_close, producer_of, scalar
from ..targets import Core
from .fused_nodes import computed_by, sources_of
from .kernels.kernel import is_pointwise
from .take import emit, take

SPATIAL = ("Conv", "DepthwiseConv")
WITH_EPILOGUE = (*SPATIAL, "Dense")


@dataclass(frozen=True)
class Fusion:
    """What makes two nodes of a model one wherever it can, or where it pays on a core; in place."""

    name: str
    apply: Callable[[ir.Model, Core], object]


class _Extend(RewriteRuleClassBase):
    """Move what follows a fused node into its epilogue."""

    def __init__(self, op_type: str):
        super().__init__()
        self.op_type = op_type

    def sum(self, op: Any, x: Any) -> Any:
        """The fused node in a pattern."""
        return getattr(op, self.op_type)(
            x, _domain=DOMAIN, _allow_other_inputs=True, _allow_other_attributes=True, _outputs=["y"]
        )

    def may_extend(self, y: ir.Value) -> MatchResult:
        """Refuse what comes after an activation."""
        if "activation" in producer_of(y).attributes:
            return MatchResult().fail("has an activation")
        return MatchResult()

    def extended(self, op: Any, y: ir.Value, *residual: ir.Value, **attributes: Any) -> ir.Value:
        """The fused node with more in its epilogue."""
        node = producer_of(y)
        return emit(op, node, self.op_type, [*node.inputs, *residual], {**node.attributes, **attributes})


class _FuseRelu(_Extend):
    """Relu is a clip from 0."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.Relu(self.sum(op, x))

    def check(self, context: Any, y: ir.Value, **_: Any) -> MatchResult:
        return self.may_extend(y)

    def rewrite(self, op: Any, y: ir.Value, **_: Any) -> ir.Value:
        return self.extended(op, y, activation="clip", low=0.0)


class _FuseClip(_Extend):
    """Clip to constants; an absent bound is none."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.Clip(self.sum(op, x), _allow_other_inputs=True, _outputs=["clipped"])

    def check(self, context: Any, y: ir.Value, clipped: ir.Value, **_: Any) -> MatchResult:
        if clip_bounds(producer_of(clipped)) is None:
            return MatchResult().fail("bounds are not constant")
        return self.may_extend(y)

    def rewrite(self, op: Any, y: ir.Value, clipped: ir.Value, **_: Any) -> ir.Value:
        bounds = clip_bounds(producer_of(clipped))
        assert bounds is not None
        return self.extended(op, y, activation="clip", low=bounds[0], high=bounds[1])


class _FuseHardSwish(_Extend):
    """h-swish, in the form that the passes leave it in: y * Clip(y * 1/6 + 1/2, 0, 1)."""

    def pattern(self, op: Any, x: Any, sixth: Any, half: Any, zero: Any, one: Any) -> Any:
        y = self.sum(op, x)
        return y * op.Clip(y * sixth + half, zero, one)

    def check(
        self,
        context: Any,
        y: ir.Value,
        sixth: ir.Value,
        half: ir.Value,
        zero: ir.Value,
        one: ir.Value,
        **_: Any,
    ) -> MatchResult:
        for value, expected in ((sixth, 1 / 6), (half, 0.5), (zero, 0), (one, 1)):
            number = scalar(value)
            if number is None or not is_close(number, expected):
                return MatchResult().fail("not h-swish")
        if shape_of(context.output_values[0]) != shape_of(y):
            return MatchResult().fail("its constants add axes")
        return self.may_extend(y)

    def rewrite(self, op: Any, y: ir.Value, **_: Any) -> ir.Value:
        return self.extended(op, y, activation="hard_swish")


class _FuseResidual(_Extend):
    """Addition of a value of the same shape, before any activation."""

    def pattern(self, op: Any, x: Any, residual: Any) -> Any:
        return self.sum(op, x) + residual

    def check(self, context: Any, y: ir.Value, residual: ir.Value, **_: Any) -> MatchResult:
        if shape_of(residual) != shape_of(y) or len(producer_of(y).inputs) > 3:
            return MatchResult().fail("not a residual addition")
        return self.may_extend(y)

    def rewrite(self, op: Any, y: ir.Value, residual: ir.Value, **_: Any) -> ir.Value:
        return self.extended(op, y, residual)


class _GateInWeights(RewriteRuleClassBase):
    """Move the gate of a map into the weights of the projection that alone reads the product, if fewer.

    A load, a product and a store for each element of the map, H W K, or of the weights, K N: where N < H W,
    it is the weights. (In the projection's loads it would be a product for each element of the map and panel
    of W channels, H W K N / W: fewer than both only on maps of H W < 3 W pixels with N < 3 W channels.)
    """

    def pattern(self, op: Any, x: Any, gate: Any) -> Any:
        return op.Conv(
            op.Scale(x, gate, _domain=DOMAIN, _outputs=["product"]),
            _domain=DOMAIN,
            _allow_other_inputs=True,
            _allow_other_attributes=True,
            _outputs=["y"],
        )

    def check(
        self, context: Any, x: ir.Value, gate: ir.Value, product: ir.Value, y: ir.Value, **_: Any
    ) -> MatchResult:
        node, result = producer_of(y), MatchResult()
        if not is_pointwise(node):
            return result.fail("not a projection")
        if shape_of(gate)[2:] != [1, 1]:
            return result.fail("its gate is a map")
        if len(product.uses()) > 1:
            return result.fail("its residual is what it reads")
        channels, pixels = shape_of(node.inputs[1])[0], math.prod(shape_of(x)[2:])
        return result if channels < pixels else result.fail("there are more weights than elements of the map")

    def rewrite(self, op: Any, x: ir.Value, gate: ir.Value, y: ir.Value, **_: Any) -> ir.Value:
        node = producer_of(y)
        weight, bias, *residual = node.inputs[1:]
        inputs = [x, weight, bias, *(residual or [None]), gate]
        return emit(op, node, "Conv", inputs, {**node.attributes})


class _ResizeForArgMax(RewriteRuleClassBase):
    """Let what only names the largest channels of a map that is resized be computed row by row of it."""

    def pattern(self, op: Any, x: Any) -> Any:
        resized = op.Resize(x, _domain=DOMAIN, _allow_other_attributes=True, _outputs=["resized"])
        return op.ArgMax(resized, _domain=DOMAIN, _outputs=["y"])

    def rewrite(self, op: Any, x: ir.Value, resized: ir.Value, y: ir.Value) -> ir.Value:
        return emit(op, producer_of(y), "ResizeArgMax", [x], {**producer_of(resized).attributes})


def _means_by(op_type: str) -> Callable[[ir.Model, Core], None]:
    """Let nodes of `op_type` put out the mean over their map too, and only it if nobody reads the map."""

    def apply(model: ir.Model, core: Core) -> None:
        for pool in model.graph:
            if (pool.domain, pool.op_type) != (DOMAIN, "GlobalAveragePool"):
                continue
            y, mean = pool.inputs[0], pool.outputs[0]
            node = y.producer() if y else None
            if y is None or node is None or (node.domain, node.op_type) != (DOMAIN, op_type):
                continue
            if shape_of(y)[2:] != [1, 1]:
                _put_out_mean(node, mean)
                model.graph.remove(pool, safe=True)
                if not y.uses() and not y.is_graph_output():
                    y.name = ""

    return apply


def _put_out_mean(node: ir.Node, mean: ir.Value) -> None:
    """Let the second output of `node` stand for `mean`."""
    if len(node.outputs) == 1:
        node.resize_outputs(2)
        new = node.outputs[1]
        new.name, new.shape, new.type = mean.name, mean.shape, mean.type
    mean.replace_all_uses_with(node.outputs[1], replace_graph_outputs=True)


def _expand_in_bands(model: ir.Model, core: Core) -> None:
    """Let depthwise convolutions expand what they read, band by band, where it is large.

    That is a map which, together with what it is expanded from, takes more than half of the second cache, so
    that little of it would be there when it is read. Of smaller ones, out-of-order cores lose as much by rows
    that leave tiles unfilled as they gain.
    """
    for node in model.graph:
        if (node.domain, node.op_type) != (DOMAIN, "DepthwiseConv") or len(node.inputs) > 3:
            continue
        between = node.inputs[0]
        expansion = between.producer() if between else None
        if between is None or expansion is None or not _may_expand(node, expansion):
            continue
        x, weight, bias = expansion.inputs
        if core.l2 is None or 2 * (nbytes_of(x) + nbytes_of(between)) <= core.l2.size:
            continue
        node.resize_inputs(6)
        for number, value in ((0, x), (4, weight), (5, bias)):
            node.replace_input_with(number, value)
        for name in ("activation", "low", "high"):
            if name in expansion.attributes:
                node.attributes[f"expansion_{name}"] = expansion.attributes[name]
        model.graph.remove(expansion, safe=True)


def _may_expand(node: ir.Node, expansion: ir.Node) -> bool:
    """Whether the first input of the depthwise convolution `node` is an `expansion` that only it reads."""
    if (expansion.domain, expansion.op_type) != (DOMAIN, "Conv") or len(expansion.inputs) != 3:
        return False
    (expanded, *means), strides = expansion.outputs, expansion.attributes["strides"].as_ints()
    is_alone = not means and len(expanded.uses()) == 1 and not expanded.is_graph_output()
    return is_pointwise(expansion) and is_alone and all(stride == 1 for stride in strides)


def _rewriting(*rules: Any) -> Callable[[ir.Model, Core], object]:
    rule_set = RewriteRuleSet(rules, commute=True)
    return lambda model, core: rule_set.apply_to_model(model)


FUSIONS = (
    # Before the activations: a sum may have one, an activation is not added to.
    Fusion("residual", _rewriting(*(_FuseResidual.rule(op_type) for op_type in SPATIAL))),
    Fusion(
        "activation",
        _rewriting(
            *(
                rule.rule(op_type)
                for rule in (_FuseHardSwish, _FuseRelu, _FuseClip)
                for op_type in WITH_EPILOGUE
            )
        ),
    ),
    Fusion("squeeze", _means_by("DepthwiseConv")),
    Fusion("gate", _rewriting(_GateInWeights.rule())),
    Fusion("pool", _means_by("Conv")),
    Fusion("bands", _expand_in_bands),
    Fusion("argmax", _rewriting(_ResizeForArgMax.rule())),
)


def fuse(model: ir.Model, core: Core, fusions: Sequence[Fusion] = FUSIONS) -> dict[str, list[str]]:
    """Take what armlet computes of an optimised `model`, and fuse it by `fusions` in turn; in place.

    Returns, for each node that others have become part of, the names of all that it computes, in order.
    """
    take(model)
    sources = sources_of(model)
    for fusion in fusions:
        fusion.apply(model, core)
    computed = {node.name or "": computed_by(node, sources) for node in model.graph if node.domain == DOMAIN}
    return {name: nodes for name, nodes in computed.items() if len(nodes) > 1}
