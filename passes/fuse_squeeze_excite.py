"""Fuse each squeeze-excite into a call of one function, whatever its spelling.

The gate of MobileNetV3 is an h-sigmoid, Clip(alpha * y + beta, 0, 1) (section 5.3). Its affine half goes
into the arguments of the call, w2 = alpha * W2 and b2 = alpha * B2 + beta, so that the function is a bare
clip. The weights are arguments, so that sites of every width share the one function.

Before: a pool (GlobalAveragePool, ReduceMean, AveragePool over the whole map), two 1x1 Conv or Gemm with
the reshapes they need, Relu between, HardSigmoid after, and the product in either order.
After: `armlet.SqueezeExcite`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedFunctionsPass
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase
from onnxscript.rewriter.pattern import ANY_VALUE, OrValue

from .linear_layers import bias_name, bias_of, refusal_to_scale, weight_name, weight_of
from .recognise_hard_sigmoid import hard_sigmoid_coefficients
from .rewriting import Changes, Pass, rewriting
from .squeeze_excite_function import DOMAIN, squeeze_excite_function
from .values import producer_of, reduced_axes


class _FuseSqueezeExcite(RewriteRuleClassBase):
    def pattern(self, op: Any, x: Any) -> Any:
        pools = [op.GlobalAveragePool(x), op.ReduceMean(x, _allow_other_inputs=True), op.AveragePool(x)]
        pooled = OrValue(pools, name="pooled")
        reduced = _linear(op, _perhaps_reshaped(op, pooled, "squeezed"), "reduced")
        activated = OrValue([getattr(op, name)(reduced) for name in _ACTIVATIONS], name="activated")
        expanded = _linear(op, activated, "expanded")
        gate = OrValue(
            [getattr(op, name)(_perhaps_reshaped(op, expanded, "scores")) for name in _GATES], name="gate"
        )
        return op.Mul(x, _perhaps_reshaped(op, gate, "unsqueezed"))

    def check(self, context: Any, x: ir.Value, **parts: Any) -> MatchResult:
        reason = _refusal(x, **parts)
        return MatchResult().fail(reason) if reason else MatchResult()

    def rewrite(
        self, op: Any, x: ir.Value, reduced: ir.Value, expanded: ir.Value, gate: ir.Value, **_: Any
    ) -> ir.Value:
        alpha, beta = hard_sigmoid_coefficients(producer_of(gate))
        first = _arguments(op, producer_of(reduced), 1.0, 0.0)
        second = _arguments(op, producer_of(expanded), alpha, beta)
        return op.SqueezeExcite(x, *first, *second, _domain=DOMAIN)


_ACTIVATIONS = ("Relu", "HardSwish", "Sigmoid", "Tanh", "Clip", "LeakyRelu", "Elu")
_GATES = ("HardSigmoid", "Sigmoid", "Tanh", "Softmax")


def _linear(op: Any, x: Any, name: str) -> Any:
    return OrValue([getattr(op, layer)(x, _allow_other_inputs=True) for layer in ("Conv", "Gemm")], name=name)


def _perhaps_reshaped(op: Any, x: Any, name: str) -> Any:
    reshapes = [op.Flatten(x), op.Reshape(x, ANY_VALUE)]
    reshapes += [getattr(op, change)(x, _allow_other_inputs=True) for change in ("Squeeze", "Unsqueeze")]
    # onnxscript 0.7 cannot copy a pattern with such a choice, to commute it, unless it has a tag.
    return OrValue([*reshapes, x], name=name, tag_var=f"{name}_choice")


def _refusal(x: ir.Value, **parts: Any) -> str | None:
    if x.dtype != ir.DataType.FLOAT or x.shape is None or x.shape.rank() != 4 or not x.shape.is_static():
        return f"its input is {x.dtype} {x.shape}, not float32 NCHW of fixed sizes"
    batch, channels, *size = x.shape.numpy()
    pool, activation, gate = (producer_of(parts[name]) for name in ("pooled", "activated", "gate"))
    if not _is_global(pool, size):
        return f"{pool.name} does not average the whole map"
    if activation.op_type != "Relu":
        return f"its activation is {activation.op_type}, not Relu"
    if gate.op_type != "HardSigmoid":
        return f"its gate is {gate.op_type}, not HardSigmoid: it stays in its parts"
    layers = [producer_of(parts[name]) for name in ("reduced", "expanded")]
    for layer in layers:
        if reason := refusal_to_scale(layer) or _refusal_of_window(layer):
            return reason
    first, second = (_matrix(layer) for layer in layers)
    map_of_ones = (batch, channels, 1, 1)
    if not (
        _shape(parts["squeezed"]) in (map_of_ones, map_of_ones[:2])
        and _shape(parts["unsqueezed"]) == map_of_ones
        and first.shape == second.shape[::-1]
    ):
        return "its reshapes do more than add or remove the axes of a 1x1 map"
    return None


def _is_global(pool: ir.Node, size: Sequence[int]) -> bool:
    match pool.op_type:
        case "ReduceMean":
            return reduced_axes(pool) == [2, 3]
        case "AveragePool":
            kernel, pads = pool.attributes.get_ints("kernel_shape"), pool.attributes.get_ints("pads", ())
            return list(kernel or ()) == list(size) and not any(pads or ())
    return True


def _refusal_of_window(layer: ir.Node) -> str | None:
    plain = (
        weight_of(layer).shape[2:] in ((), (1, 1))
        and layer.attributes.get_int("group", 1) == 1
        and not any(layer.attributes.get_ints("pads", ()) or ())
        and not layer.attributes.get_int("transA", 0)
    )
    return None if plain else f"{layer.name} is not a plain 1x1 convolution or linear layer"


def _matrix(layer: ir.Node) -> np.ndarray:
    """The weights as [out, in], float64."""
    weight = weight_of(layer).astype(np.float64)
    if layer.op_type == "Conv":
        return weight[:, :, 0, 0]
    weight = weight * layer.attributes.get_float("alpha", 1.0)
    return weight if layer.attributes.get_int("transB", 0) else weight.T


def _arguments(op: Any, layer: ir.Node, scale: float, shift: float) -> tuple[ir.Value, ir.Value]:
    """Weight [out, in, 1, 1] and bias [out] of `layer`, its output times `scale` plus `shift`."""
    matrix = _matrix(layer) * scale
    bias = np.broadcast_to(bias_of(layer) * scale + shift, matrix.shape[0])
    return (
        op.initializer(ir.tensor(matrix[:, :, None, None].astype(np.float32)), name=weight_name(layer)),
        op.initializer(ir.tensor(bias.astype(np.float32)), name=bias_name(layer)),
    )


def _shape(value: ir.Value) -> tuple[object, ...]:
    return tuple(value.shape) if value.shape is not None else ()


_fuse = rewriting([_FuseSqueezeExcite.rule()], commute=True)


def _run(model: ir.Model) -> Changes:
    function = squeeze_excite_function(model.graph.opset_imports[""])
    model.functions.setdefault(function.identifier(), function)
    changes = _fuse(model)
    if changes.rewritten:
        # Local functions came with IR version 8.
        model.ir_version = max(model.ir_version, 8)
    RemoveUnusedFunctionsPass()(model)
    return changes


fuse_squeeze_excite = Pass(
    "fuse_squeeze_excite",
    _run,
    after=("fold_batch_norm", "recognise_hard_sigmoid"),
    not_after=("clip_hard_sigmoid",),
)
