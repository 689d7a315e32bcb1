"""Take what computes each channel of a map by itself, and what compares the channels of a pixel.

Resize                x    coordinates (ONNX's coordinate_transformation_mode), scales of height and width
AveragePool, MaxPool  x    kernel_shape, strides, pads, count_include_pad
Sigmoid               x
ArgMax                x -> y [1, H, W] or [1, 1, H, W], int64: the channel, of equal ones the first
Concat                maps [1, C, H, W] along C; or values of another rank that lie one behind the other
ResizeArgMax          both, of a map that is not stored (from `fuse.py`)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter.pattern import MatchResult, RewriteRule, RewriteRuleClassBase

from ..frontend.shapes import shape_of
from ..passes.squeeze_excite_function import DOMAIN
from ..passes.values import constant, producer_of
from .kernels.argmax import MOST_CHANNELS
from .kernels.resize import COORDINATES

# What a Resize may say, but only so: the defaults.
_PLAIN_RESIZE = {"antialias": 0, "exclude_outside": 0, "keep_aspect_ratio_policy": "stretch"}


def rules_of_maps() -> list[RewriteRule]:
    """The rules that take what is described above."""
    pools = [_TakePool.rule(op_type) for op_type in ("AveragePool", "MaxPool")]
    return [_TakeResize.rule(), *pools, _TakeSigmoid.rule(), _TakeArgMax.rule(), _TakeConcat.rule()]


class _TakeResize(RewriteRuleClassBase):
    """Take a bilinear Resize of a 2-d map, to a size that is known."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.Resize(x, _allow_other_inputs=True, _allow_other_attributes=True, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, y: ir.Value) -> MatchResult:
        result, attributes = MatchResult(), producer_of(y).attributes
        if not is_map(x):
            return result.fail("expected a 2-d map, float32")
        if attributes.get_string("mode", "nearest") != "linear":
            return result.fail("not bilinear")
        if attributes.get_string("coordinate_transformation_mode", "half_pixel") not in COORDINATES:
            return result.fail("crops")
        if any(
            attributes[name].value != plain for name, plain in _PLAIN_RESIZE.items() if name in attributes
        ):
            return result.fail("antialiased, or of another shape than asked for")
        if "axes" in attributes or shape_of(y)[:2] != shape_of(x)[:2] or _scales(x, y) is None:
            return result.fail("expected constant sizes or scales of height and width")
        return result

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value) -> ir.Value:
        node = producer_of(y)
        coordinates = node.attributes.get_string("coordinate_transformation_mode", "half_pixel")
        return op.Resize(x, coordinates=coordinates, scales=_scales(x, y), _domain=DOMAIN, _name=node.name)


def _scales(x: ir.Value, y: ir.Value) -> Sequence[float] | None:
    """The scales of height and width, as given or by the sizes; None if they are not constant."""
    _, _, scales, sizes, *_ = (*producer_of(y).inputs, None, None, None)
    given = scales if scales and 0 not in shape_of(scales) else sizes
    numbers = constant(given) if given else None
    if numbers is None:
        return None
    return (numbers if given is scales else np.divide(shape_of(y), shape_of(x)))[2:].tolist()


class _TakePool(RewriteRuleClassBase):
    """Take an average or a maximum over windows of a 2-d map, with explicit padding; one window is global."""

    def __init__(self, op_type: str):
        super().__init__()
        self.op_type = op_type

    def pattern(self, op: Any, x: Any) -> Any:
        return getattr(op, self.op_type)(x, _allow_other_attributes=True, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, y: ir.Value) -> MatchResult:
        result, node = MatchResult(), producer_of(y)
        attributes = node.attributes
        if not is_map(x) or len(node.outputs) > 1:
            return result.fail("expected a 2-d map, float32, and no indices")
        if attributes.get_string("auto_pad", "NOTSET") != "NOTSET" or attributes.get_int("ceil_mode", 0) != 0:
            return result.fail("implicit padding")
        if any(dilation != 1 for dilation in attributes.get_ints("dilations", ())):
            return result.fail("dilated")
        taps, pads = attributes["kernel_shape"].as_ints(), attributes.get_ints("pads", (0, 0, 0, 0))
        if any(pad >= size for pad, size in zip(pads, (*taps, *taps), strict=True)):
            return result.fail("windows of nothing but padding")
        return result

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value) -> ir.Value:
        node = producer_of(y)
        taps, pads = node.attributes["kernel_shape"].as_ints(), node.attributes.get_ints("pads", (0, 0, 0, 0))
        if self.op_type == "AveragePool" and list(taps) == shape_of(x)[2:] and not any(pads):
            return op.GlobalAveragePool(x, _domain=DOMAIN, _name=node.name)
        return op.op(
            self.op_type,
            x,
            kernel_shape=taps,
            strides=node.attributes.get_ints("strides", (1, 1)),
            pads=pads,
            count_include_pad=node.attributes.get_int("count_include_pad", 0),
            _domain=DOMAIN,
            _name=node.name,
        )


class _TakeSigmoid(RewriteRuleClassBase):
    """Take a sigmoid of any shape."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.Sigmoid(x, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, y: ir.Value) -> MatchResult:
        result = MatchResult()
        return result if x.dtype == ir.DataType.FLOAT else result.fail("not float32")

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value) -> ir.Value:
        return op.Sigmoid(x, _domain=DOMAIN, _name=producer_of(y).name)


class _TakeArgMax(RewriteRuleClassBase):
    """Take the first largest channel of each pixel of a 2-d map."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.ArgMax(x, _allow_other_attributes=True, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, y: ir.Value) -> MatchResult:
        result, attributes = MatchResult(), producer_of(y).attributes
        if not is_map(x) or attributes.get_int("axis", 0) not in (1, -3):
            return result.fail("not over the channels of a 2-d map, float32")
        if attributes.get_int("select_last_index", 0):
            return result.fail("of equal ones the last")
        return result if shape_of(x)[1] <= MOST_CHANNELS else result.fail("too many channels")

    def rewrite(self, op: Any, x: ir.Value, y: ir.Value) -> ir.Value:
        return op.ArgMax(x, _domain=DOMAIN, _name=producer_of(y).name)


class _TakeConcat(RewriteRuleClassBase):
    """Take what lies in memory one behind the other, and the channels of 2-d maps."""

    def pattern(self, op: Any, x: Any) -> Any:
        return op.Concat(x, _allow_other_inputs=True, _allow_other_attributes=True, _outputs=["y"])

    def check(self, context: Any, x: ir.Value, y: ir.Value) -> MatchResult:
        result, node = MatchResult(), producer_of(y)
        shape = shape_of(y)
        axis = node.attributes["axis"].as_int() % len(shape)
        if axis != 1 if len(shape) == 4 else any(size != 1 for size in shape[:axis]):
            return result.fail("neither channels of maps nor rows one behind the other")
        if any(
            value is None or value.const_value is not None or value.dtype != ir.DataType.FLOAT
            for value in node.inputs
        ):
            return result.fail("not of computed values, float32")
        return result

    def rewrite(self, op: Any, y: ir.Value, **_: Any) -> ir.Value:
        node = producer_of(y)
        return op.Concat(*node.inputs, _domain=DOMAIN, _name=node.name)


def is_map(x: ir.Value) -> bool:
    """Whether `x` is a 2-d map of float32."""
    return x.dtype == ir.DataType.FLOAT and len(shape_of(x)) == 4
