"""Models without their weights: large tensors are kept as shapes, and filled again from a seed.

What is kept of a tensor of floating-point numbers is its mean, its deviation and its ends, as the text of its
`doc_string`: a variance stays positive, activations stay of the size they were.
"""

import math
import zlib
from pathlib import Path

import numpy as np
import onnx

LARGEST_KEPT = 16  # elements
FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE}


def strip(proto: onnx.ModelProto) -> None:
    """Take the numbers out of the large tensors of `proto`, and what exporters say beside the graph."""
    for tensor in _tensors(proto):
        if math.prod(tensor.dims) > LARGEST_KEPT and tensor.data_type in FLOATS:
            numbers = onnx.numpy_helper.to_array(tensor).astype(np.float64)
            figures = (numbers.mean(), numbers.std(), numbers.min(), numbers.max())
            tensor.doc_string = " ".join(f"{figure:.6g}" for figure in figures)
            for field in ("raw_data", "float_data", "double_data"):
                tensor.ClearField(field)
    del proto.metadata_props[:]
    for node in proto.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    del proto.graph.value_info[:]
    for value in (*proto.graph.input, *proto.graph.output):
        value.ClearField("doc_string")
        del value.metadata_props[:]


def filled(path: Path) -> onnx.ModelProto:
    """The model at `path` with numbers again: the same each time."""
    proto = onnx.load(path)
    for tensor in _tensors(proto):
        if not tensor.doc_string or math.prod(tensor.dims) <= LARGEST_KEPT:
            continue
        mean, deviation, low, high = map(float, tensor.doc_string.split())
        rng = np.random.default_rng(zlib.crc32(tensor.name.encode()))
        numbers = np.clip(rng.normal(mean, deviation, list(tensor.dims)), low, high)
        tensor.raw_data = numbers.astype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).tobytes()
        tensor.ClearField("doc_string")
    return proto


def _tensors(proto: onnx.ModelProto) -> list[onnx.TensorProto]:
    in_nodes = [node.attribute for body in (proto.graph, *proto.functions) for node in body.node]
    constants = [
        attribute.t for attributes in in_nodes for attribute in attributes if attribute.HasField("t")
    ]
    return [*proto.graph.initializer, *constants]
