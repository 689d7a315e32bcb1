"""What happens to a convolution's sum before it is stored: nothing, a clip, or h-swish.

h-swish takes four instructions where the sum is scaled: with u = x / sqrt(6), which costs nothing because
the weights and the bias are scaled instead,

    x * clip(x / 6 + 1 / 2, 0, 1) = u * clip(u + sqrt(6) / 2, 0, sqrt(6))
"""

import math
from dataclasses import dataclass

import onnx_ir as ir
from tvm import tirx

ROOT = math.sqrt(6)


@dataclass(frozen=True)
class Epilogue:
    """An `activation` ("none", "clip" from `low` to `high`, "hard_swish") of sums that are scaled."""

    activation: str = "none"
    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def of(cls, node: ir.Node, prefix: str = "") -> "Epilogue":
        """The epilogue of a fused node, by its attributes, whose names begin with `prefix`."""
        attributes = node.attributes
        return cls(
            attributes.get_string(f"{prefix}activation", "none"),
            attributes.get_float(f"{prefix}low", -math.inf),
            attributes.get_float(f"{prefix}high", math.inf),
        )

    @property
    def scale(self) -> float:
        """What the weights, the bias and a residual are multiplied by before they are summed."""
        return 1 / ROOT if self.activation == "hard_swish" else 1.0

    def add(self, total: tirx.Expr, residual: tirx.Expr) -> tirx.Expr:
        """`total`, which is scaled, plus a residual, which is not."""
        return total + (residual if self.scale == 1 else residual * _like(residual, self.scale))

    def apply(self, total: tirx.Expr) -> tirx.Expr:
        """The activation of a scaled sum, a number or a vector of them."""
        match self.activation:
            case "clip":
                return _clip(total, self.low, self.high)
            case "hard_swish":
                return total * _clip(total + _like(total, ROOT / 2), 0, ROOT)
            case _:
                return total


def _clip(x: tirx.Expr, low: float, high: float) -> tirx.Expr:
    if math.isfinite(low):
        x = tirx.max(x, _like(x, low))
    return tirx.min(x, _like(x, high)) if math.isfinite(high) else x


def _like(x: tirx.Expr, value: float) -> tirx.Expr:
    """A constant of the type of the numbers `x`."""
    return tirx.const(value, x.ty.dtype.with_lanes(1))
