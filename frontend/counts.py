"""Parameters and multiply-accumulates, counted from the graph.

Parameters are the learnable tensors: weights and biases, and batch norm's scale and bias; its running mean
and variance are not counted. MACs are those of Conv, Gemm and MatMul for the graph's own input; biases, batch
norm, activations, pooling and additions are not counted. This is how the published figures count.
"""

import math
from dataclasses import dataclass

import onnx_ir as ir

from .shapes import shape_of


@dataclass(frozen=True)
class LayerCount:
    """What one node adds; a parameter that several nodes share is counted at the first."""

    name: str
    op_type: str
    parameters: int
    macs: int


@dataclass(frozen=True)
class Counts:
    """The layers that have parameters or MACs, in the order of the graph."""

    layers: list[LayerCount]

    @property
    def parameters(self) -> int:
        """The learnable parameters of the network."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """The multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)


def count(model: ir.Model) -> Counts:
    """Count `model`, whose shapes must be static."""
    layers = []
    seen: set[ir.Value] = set()
    for node in model.graph:
        weights = _learnable(node)
        parameters = sum(math.prod(shape_of(weight)) for weight in weights if weight not in seen)
        seen.update(weights)
        macs = _macs(node)
        if parameters or macs:
            layers.append(LayerCount(node.name or "", node.op_type, parameters, macs))
    return Counts(layers)


def _learnable(node: ir.Node) -> list[ir.Value]:
    """The constant inputs of `node` that training would change."""
    if node.op_type not in {"Conv", "Gemm", "MatMul", "BatchNormalization", "SqueezeExcite"}:
        return []
    candidates = node.inputs[1:3] if node.op_type == "BatchNormalization" else node.inputs[1:]
    return [value for value in candidates if value is not None and value.is_initializer()]


def _macs(node: ir.Node) -> int:
    if node.op_type == "SqueezeExcite":  # armlet's own function: two 1x1 convolutions of a 1x1 map
        _, reduce, _, expand, _ = node.inputs
        return math.prod(shape_of(reduce)) + math.prod(shape_of(expand))
    if node.op_type not in {"Conv", "Gemm", "MatMul"}:
        return 0
    output = math.prod(shape_of(node.outputs[0]))
    if node.op_type == "Conv":
        return output * math.prod(shape_of(node.inputs[1])[1:])
    rows_first = node.op_type == "Gemm" and node.attributes.get_int("transA", 0) == 1
    return output * shape_of(node.inputs[0])[0 if rows_first else -1]
