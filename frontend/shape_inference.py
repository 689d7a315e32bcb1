"""Static shapes on every value of a graph whose inputs have theirs.

onnx's inference does most of it. Where an exporter computes shapes in the graph (the padding SAME of PyTorch,
the statistics of a batch norm expanded to what is known at run time only), that arithmetic is folded first.
"""

from collections.abc import Iterator

import onnx
import onnx_ir as ir
from onnxscript import optimizer

from .input_shapes import check_static, is_static


def infer_shapes(proto: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """`proto` with the shapes of all values, of which none is open; arithmetic may have become constants.

    Raises onnx.shape_inference.InferenceError where shapes contradict each other, InvalidModelError where one
    stays open; `name` is what that calls the model.
    """
    proto = _inferred(proto)
    if not all(is_static(value) for value, _ in _outputs(proto)):
        model = ir.from_proto(proto)
        optimizer.fold_constants_ir(model, onnx_shape_inference=True, should_fold=_fills_a_shape)
        proto = _inferred(ir.to_proto(model))
    for value, node in _outputs(proto):
        check_static(value, name, f"output of node {node.name!r} ({node.op_type})")
    return proto


def _fills_a_shape(node: ir.Node) -> bool | None:
    """True for what onnxscript leaves for its size, though shapes are made of it; None: as it likes."""
    shape = node.inputs[0].const_value if node.op_type == "ConstantOfShape" and node.inputs[0] else None
    return True if shape is not None and shape.size == 1 and shape.numpy().max() <= 16 else None


def _inferred(proto: onnx.ModelProto) -> onnx.ModelProto:
    return onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)


def _outputs(proto: onnx.ModelProto) -> Iterator[tuple[onnx.ValueInfoProto, onnx.NodeProto]]:
    """What the nodes of the main graph compute, as far as it is known, and by which node."""
    known = {value.name: value for value in [*proto.graph.value_info, *proto.graph.output]}
    for node in proto.graph.node:
        for output in filter(None, node.output):
            yield known.get(output, onnx.ValueInfoProto(name=output)), node
