"""The one function that every squeeze-excite becomes a call of.

SqueezeExcite(x, w1, b1, w2, b2) = x * Clip(Conv(Relu(Conv(GlobalAveragePool(x), w1, b1)), w2, b2), 0, 1)
"""

import onnx
import onnx_ir as ir

DOMAIN = "armlet"

_FUNCTION = """
<opset_import: ["" : {opset}], domain: "armlet">
SqueezeExcite (x, w1, b1, w2, b2) => (y)
{{
    pooled = GlobalAveragePool (x)
    reduced = Conv (pooled, w1, b1)
    activated = Relu (reduced)
    expanded = Conv (activated, w2, b2)
    {clip}
    y = Mul (x, gate)
}}
"""
_CLIP_BY_ATTRIBUTES = "gate = Clip <min: float = 0.0, max: float = 1.0> (expanded)"
_CLIP_BY_INPUTS = """zero = Constant <value: tensor = float {0.0}> ()
    one = Constant <value: tensor = float {1.0}> ()
    gate = Clip (expanded, zero, one)"""


def squeeze_excite_function(opset: int) -> ir.Function:
    """`armlet.SqueezeExcite`, float32: x [N, C, H, W], w1 [S, C, 1, 1], b1 [S], w2 [C, S, 1, 1], b2 [C]."""
    text = _FUNCTION.format(opset=opset, clip=_CLIP_BY_INPUTS if opset >= 11 else _CLIP_BY_ATTRIBUTES)
    return ir.serde.deserialize_function(onnx.parser.parse_function(text))
