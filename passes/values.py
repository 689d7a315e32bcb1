"""What the rules ask of a value: who computes it, what number it holds; and how they write new numbers.

A number counts as known only if no caller can change it.
"""

import math
from typing import Any

import numpy as np
import onnx_ir as ir

ONE_SIXTH = 1 / 6

# One sixth has to be one sixth to float32 rounding: 0.1666667 is, 0.16667 is not.
RELATIVE_ROUNDING = 2.0**-22


def producer_of(value: ir.Value) -> ir.Node:
    """The node that computes `value`, where a pattern has made sure of one."""
    node = value.producer()
    assert node is not None
    return node


def constant(value: ir.Value | None) -> np.ndarray | None:
    """The array of an initializer; None for anything computed, or that a caller may override as an input."""
    if value is None or value.const_value is None or value.is_graph_input():
        return None
    return value.const_value.numpy()


def scalar(value: ir.Value | None) -> float | None:
    """The number in a constant of one element, of whatever rank."""
    array = constant(value)
    return float(array.item()) if array is not None and array.size == 1 else None


def is_close(number: float, expected: float) -> bool:
    """Whether `number` is `expected` up to rounding to float32."""
    return math.isclose(number, expected, rel_tol=RELATIVE_ROUNDING, abs_tol=RELATIVE_ROUNDING)


def opset_version(value: ir.Value) -> int:
    """The version of ONNX's own operators in the graph of `value`."""
    assert value.graph is not None
    return value.graph.opset_imports[""]


def clip_bounds(node: ir.Node) -> tuple[float, float] | None:
    """The constant bounds of a Clip, infinite where absent; None if one is computed.

    They are attributes before opset 11, inputs from there on.
    """
    bounds = []
    for index, (role, absent) in enumerate((("min", -math.inf), ("max", math.inf)), start=1):
        given = node.inputs[index] if index < len(node.inputs) else None
        bound = scalar(given) if given is not None else node.attributes.get_float(role, absent)
        if bound is None:
            return None
        bounds.append(bound)
    return bounds[0], bounds[1]


def reduced_axes(node: ir.Node) -> list[int] | None:
    """The axes of a reduction, counted from the front and in order; None if they are computed, or are all.

    They are an attribute before opset 18 (for ReduceMean), an input from there on.
    """
    given = constant(node.inputs[1]) if len(node.inputs) > 1 else node.attributes.get_ints("axes")
    x = node.inputs[0]
    if given is None or x is None or x.shape is None:
        return None
    return sorted(int(axis) % x.shape.rank() for axis in given)


# The builder that onnxscript hands to a rewrite makes an operator of any attribute name: Any.
def number(op: Any, content: float, like: ir.Value) -> ir.Value:
    """A scalar initializer of the type of `like`; equal ones become one."""
    assert like.dtype is not None
    array = np.array(content, dtype=like.dtype.numpy())
    return op.initializer(ir.tensor(array), name=f"constant/{content:.6g}")


def clip(op: Any, x: ir.Value, low: float, high: float, like: ir.Value) -> ir.Value:
    """Clip `x`, spelled for the opset of the graph of `like`; an infinite bound is left out."""
    bounds = {"min": low, "max": high}
    if opset_version(like) < 11:
        return op.Clip(x, **{role: bound for role, bound in bounds.items() if math.isfinite(bound)})
    return op.Clip(
        x, *(number(op, bound, like) if math.isfinite(bound) else None for bound in bounds.values())
    )
