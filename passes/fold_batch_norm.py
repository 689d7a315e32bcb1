"""Fold batch normalisation into the Conv or Gemm that feeds it.

    BatchNormalization(y) = gamma * (y - mean) / sqrt(variance + epsilon) + beta
                          = scale * y + (beta - scale * mean),    scale = gamma / sqrt(variance + epsilon)

Before: `Conv -> BatchNormalization`. After: `Conv` with scaled weights, and a bias.
"""

from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter import MatchResult, RewriteRuleClassBase
from onnxscript.rewriter.pattern import OrValue

from .linear_layers import channels_of, refusal_to_scale, scaled_and_shifted
from .rewriting import Pass, rewriting
from .values import constant, producer_of


class _FoldBatchNorm(RewriteRuleClassBase):
    def pattern(self, op: Any, x: Any, anything: Any) -> Any:
        layers = [
            getattr(op, layer)(x, _allow_other_inputs=True) for layer in ("Conv", "ConvTranspose", "Gemm")
        ]
        y = OrValue([*layers, anything], name="y")
        return op.BatchNormalization(y, _allow_other_inputs=True, _outputs=["normalised"])

    def check(self, context: Any, y: ir.Value, normalised: ir.Value, **_: Any) -> MatchResult:
        batch_norm, layer = producer_of(normalised), y.producer()
        if batch_norm.attributes.get_int("training_mode", 0) or len(batch_norm.outputs) > 1:
            return MatchResult().fail("it is in training mode")
        if layer is None:
            return MatchResult().fail("it is fed by a graph input: there is no Conv or Gemm to fold it into")
        if reason := refusal_to_scale(layer):
            return MatchResult().fail(reason)
        statistics = [constant(value) for value in batch_norm.inputs[1:5]]
        if any(array is None or array.shape != (channels_of(layer),) for array in statistics):
            return MatchResult().fail(
                "its scale, bias, mean and variance are not constants of one number a channel"
            )
        if not np.isfinite(_affine(batch_norm)).all():
            return MatchResult().fail("its variance plus epsilon is not positive in every channel")
        return MatchResult()

    def rewrite(self, op: Any, y: ir.Value, normalised: ir.Value, **_: Any) -> ir.Value:
        batch_norm, layer = producer_of(normalised), producer_of(y)
        return scaled_and_shifted(op, layer, *_affine(batch_norm))


def _affine(batch_norm: ir.Node) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of each channel, float64."""
    gamma, beta, mean, variance = (
        array.astype(np.float64) for value in batch_norm.inputs[1:5] if (array := constant(value)) is not None
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = gamma / np.sqrt(variance + batch_norm.attributes.get_float("epsilon", 1e-5))
        return scale, beta - scale * mean


fold_batch_norm = Pass("fold_batch_norm", rewriting([_FoldBatchNorm.rule()]), after=("clean_up",))
