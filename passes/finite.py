"""Refuse a model with numbers that are none: no comparison with it would mean anything."""

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from ..errors import InvalidModelError

# Infinity in their parameters is damage. Elsewhere it is a number: the open bound of a Clip, a mask.
_LAYERS = {"BatchNormalization", "Conv", "ConvTranspose", "Gemm", "MatMul"}

_NUMBERS = {ir.AttributeType.TENSOR, ir.AttributeType.FLOAT, ir.AttributeType.FLOATS}


def refuse_non_finite(model: ir.Model) -> None:
    """Raise InvalidModelError if a constant holds NaN, or infinity as a parameter of a layer.

    Branches, loops and functions are looked into.
    """
    for value, tensor in _constants(model):
        if not tensor.dtype.is_floating_point():
            continue
        numbers = tensor.numpy()
        is_parameter = any(user.op_type in _LAYERS for user in value.consumers())
        if np.isnan(numbers).any() or (is_parameter and np.isinf(numbers).any()):
            raise InvalidModelError(
                f"{value.name} holds NaN or infinity, expected finite numbers: export the model again"
            )


def _constants(model: ir.Model) -> Iterator[tuple[ir.Value, ir.TensorProtocol]]:
    """The initializers and the outputs of Constant nodes."""
    bodies: list[ir.Graph | ir.Function] = [model.graph, *model.functions.values()]
    for graph in (model.graph, *(graph for body in bodies for graph in body.subgraphs())):
        for value in graph.initializers.values():
            if value.const_value is not None:
                yield value, value.const_value
    for node in (node for body in bodies for node in body.all_nodes() if node.op_type == "Constant"):
        for attribute in node.attributes.values():
            if attribute.type in _NUMBERS and not attribute.is_ref():
                yield node.outputs[0], ir.tensor(attribute.value)
