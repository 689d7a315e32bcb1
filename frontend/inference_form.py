"""Networks exported for training, as their framework runs them for inference.

PyTorch's older exporter writes them with `training=TrainingMode.TRAINING`. A batch norm then normalises by
the statistics of the image at hand, and only brings forward those of training, which are its inputs; a
dropout drops.

Before: BatchNormalization with training_mode, or before opset 14 with more than one output;
        Dropout with a third input that is true.
After: BatchNormalization by its running statistics, Dropout that does nothing.
"""

from collections import Counter
from collections.abc import Iterable

import onnx

from ..errors import InvalidModelError
from .versions import ONNX_DOMAINS


def to_inference(proto: onnx.ModelProto, nodes: Iterable[onnx.NodeProto], name: str) -> Counter[str]:
    """Turn `nodes`, those of `proto`, to inference in place: how many, by operator.

    Raises InvalidModelError if something is computed of the statistics of a batch norm; `name` is what that
    calls the model.
    """
    nodes = [*nodes]
    used = {value for node in nodes for value in node.input} | {value.name for value in proto.graph.output}
    used |= {output for function in proto.functions for output in function.output}
    used |= {value.name for node in nodes for each in node.attribute for value in each.g.output}
    truths = {tensor.name for tensor in _constants(proto, nodes) if _is_true(tensor)}
    turned: Counter[str] = Counter()
    for node in nodes:
        if node.domain not in ONNX_DOMAINS:
            continue
        if node.op_type == "BatchNormalization" and _trains(node):
            if used & {*node.output[1:]}:
                raise InvalidModelError(
                    f"{name}: node {node.name or node.output[0]!r} is BatchNormalization in training mode, "
                    "and its statistics are used: export the network for inference (eval)"
                )
            attributes = [each for each in node.attribute if each.name != "training_mode"]
            del node.attribute[:]
            node.attribute.extend(attributes)
        elif node.op_type == "Dropout" and truths & {*node.input[2:]} and not used & {*node.output[1:]}:
            del node.input[1:]
        else:
            continue
        del node.output[1:]
        turned[node.op_type] += 1
    return turned


def _trains(batch_norm: onnx.NodeProto) -> bool:
    flags = [each.i for each in batch_norm.attribute if each.name == "training_mode"]
    return any(flags) or len(batch_norm.output) > 1


def _constants(proto: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.TensorProto]:
    """Tensors by the name of their value."""
    yield from proto.graph.initializer
    for node in nodes:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            tensor = onnx.TensorProto()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
            yield tensor


def _is_true(tensor: onnx.TensorProto) -> bool:
    scalar = tensor.data_type == onnx.TensorProto.BOOL and not tensor.dims
    return scalar and bool(onnx.numpy_helper.to_array(tensor))
