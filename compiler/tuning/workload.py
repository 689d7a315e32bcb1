"""What a kernel computes, in one line: the name under which measurements of it are kept."""

import math

import onnx_ir as ir

from ...frontend.shapes import shape_of

# How a node is stored and computed: said by `precision` of a record, for all of the network.
NOT_SHAPE = ("precision",)


def workload(node: ir.Node) -> str:
    """A fused node's operation, shapes (NCHW), types and attributes, but none of its numbers.

    For example `Conv(float32[1,16,112,112], [64,16,1,1], [64]) -> float32[1,64,112,112] activation=clip ...`.
    """
    inputs, outputs = (", ".join(map(_described, values)) for values in (node.inputs, node.outputs))
    attributes = [
        f"{name}={_text(attribute.value)}"
        for name, attribute in sorted(node.attributes.items())
        if name not in NOT_SHAPE
    ]
    return " ".join([f"{node.op_type}({inputs}) -> {outputs}", *attributes])


def _described(value: ir.Value | None) -> str:
    if value is None or not value.name:
        return "-"
    shape = f"[{','.join(map(str, shape_of(value)))}]"
    if value.const_value is not None:
        return shape
    assert value.dtype is not None
    return f"{value.dtype.numpy().name}{shape}"


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return str(value)
