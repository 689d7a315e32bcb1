"""Nodes as `fuse.py` makes them."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import onnx_ir as ir

Given = tuple[int, ...] | np.ndarray | None


def fused_node(
    op_type: str,
    result: tuple[int, ...],
    inputs: Sequence[Given],
    precision: str = "float32",
    *,
    mean: Literal["none", "too", "alone"] = "none",
    **attributes,
) -> ir.Node:
    """A node of `inputs` that are shapes (activations, NCHW), arrays (constants) or None.

    Activations are of the type `precision`, in which the node computes where the core can. The mean over its
    map may be put out too, or alone.
    """
    attributes |= {"precision": precision} if precision != "float32" else {}
    values = [_value(f"input{number}", given, precision) for number, given in enumerate(inputs)]
    outputs = [_value("" if mean == "alone" else "out", result, precision)]
    outputs += [_value("mean", (*result[:2], 1, 1), precision)] if mean != "none" else []
    return ir.node(op_type, values, attributes, domain="armlet", outputs=outputs)


def _value(name: str, given: Given, precision: str) -> ir.Value | None:
    if given is None:
        return None
    if isinstance(given, tuple):
        type_ = ir.TensorType(ir.DataType.from_numpy(np.dtype(precision)))
        return ir.Value(name=name, shape=ir.Shape(given), type=type_)
    return ir.Value(name=name, shape=ir.Shape(given.shape), const_value=ir.tensor(given))
