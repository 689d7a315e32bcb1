"""Nodes as `fuse.py` makes them."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

Given = tuple[int, ...] | np.ndarray | None


def fused_node(
    op_type: str, result: tuple[int, ...], inputs: Sequence[Given], *, mean: bool = False, **attributes
) -> ir.Node:
    """A node of `inputs` that are shapes (activations, NCHW), arrays (constants) or None.

    With `mean`, it puts out the mean over its map too.
    """
    values = [_value(f"input{number}", given) for number, given in enumerate(inputs)]
    outputs = [_value("out", result)]
    outputs += [_value("mean", (*result[:2], 1, 1))] if mean else []
    return ir.node(op_type, values, attributes, domain="armlet", outputs=outputs)


def _value(name: str, given: Given) -> ir.Value | None:
    if given is None:
        return None
    if isinstance(given, tuple):
        return ir.Value(name=name, shape=ir.Shape(given), type=ir.TensorType(ir.DataType.FLOAT))
    return ir.Value(name=name, const_value=ir.tensor(given))
