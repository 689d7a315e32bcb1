"""Half precision for a fused model: which values and weights are stored as float16, and which layers stay.

Before: every value float32.   After: what armlet's layers hand to each other is float16, and the nodes that
compute so have the attribute `precision`; kernels derive their types from both, and convert what they read
and write. The interface, and what is left to TVM, stays float32.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import InlinePass

from ..passes.squeeze_excite_function import DOMAIN
from ..passes.values import constant
from ..passes.verify import Reference, Runner
from .lowering import RESHAPING, moves_nothing

Precision = Literal["fp32", "fp16"]

HALF = np.finfo(np.float16)
# How many times larger than those of the random input, which ranges are taken from, values may become.
HEADROOM = 8
# Of a layer's weights, by their norm; rounding without underflow costs 2e-4 of it.
MOST_LOST = 1e-3


def halve(model: ir.Model, optimized: ir.Model, reference: Reference) -> dict[str, str]:
    """Turn what is safe of the fused `model` to float16; returns the layers that stay, with the reasons.

    `optimized` is the model before it was fused: its values on the input of `reference` show what fits.
    """
    largest, sums = _magnitudes(optimized, reference)
    kept = {}
    for node in model.graph:
        if moves_nothing(node):
            continue
        reason = _objection(node, largest, sums) if node.domain == DOMAIN else "left to TVM's own code"
        if reason:
            kept[node.name or ""] = reason
        else:
            node.attributes["precision"] = ir.AttrString("precision", "float16")
    halved = [value for node in model.graph for value in node.outputs if _is_half(value, largest)]
    for value in halved:
        value.type = ir.TensorType(ir.DataType.FLOAT16)
    return kept


def _magnitudes(model: ir.Model, reference: Reference) -> tuple[dict[str, float], dict[str, float]]:
    """The largest magnitudes on the input of `reference`: of each value of `model`, of each layer's sums.

    Sums are listed by the names of layers and of their weights: nodes of functions, inlined, have none.
    """
    seen = InlinePass()(model.clone()).model
    seen.graph.outputs[:] = [value for node in seen.graph for value in node.outputs]
    names = [value.name or "" for value in seen.graph.outputs]
    arrays = dict(zip(names, Runner(seen)(reference.inputs), strict=True)) | reference.inputs
    largest = {name: float(np.abs(array).max(initial=0)) for name, array in arrays.items()}
    sums: dict[str, float] = {}
    for node in seen.graph:
        weights = [value.name for value in node.inputs if value and value.const_value]
        for name in filter(None, [node.name, *weights]):
            sums[name] = max(sums.get(name, 0), largest[node.outputs[0].name or ""])
    return largest, sums


def _objection(node: ir.Node, largest: Mapping[str, float], sums: Mapping[str, float]) -> str | None:
    """Why a node of ours must not compute in half precision."""
    names = [value.name or "" for value in node.inputs if value]
    values = {name: largest[name] for name in names if name in largest}
    values["its sums"] = max(
        *(sums.get(name, 0) for name in (node.name or "", *names)),
        *(largest.get(value.name or "", 0) for value in node.outputs),
    )
    for name, magnitude in values.items():
        if not _fits(magnitude):
            return f"{name} reach {magnitude:.2g}, expected {HALF.tiny:.2g} to {HALF.max / HEADROOM:.2g}"
    for numbers in map(constant, node.inputs):
        if numbers is None:
            continue
        with np.errstate(over="ignore"):
            lost = np.linalg.norm(numbers.astype(np.float16) - numbers.astype(np.float64))
        if not lost <= MOST_LOST * np.linalg.norm(numbers):
            return f"weights up to {np.abs(numbers).max():.2g} lose more than {MOST_LOST:g} of their norm"
    return None


def _fits(magnitude: float) -> bool:
    """Whether numbers up to `magnitude` keep their precision; those of an empty or dead map do."""
    return magnitude == 0 or bool(HALF.tiny <= magnitude <= HALF.max / HEADROOM)


def _is_half(value: ir.Value, largest: Mapping[str, float]) -> bool:
    """Whether `value` goes from layers of ours to layers of ours, and fits.

    A second output is a mean, which is summed where it lies, in single precision; places are no numbers.
    """
    if value.dtype != ir.DataType.FLOAT:
        return False
    producer = value.producer()
    while producer and producer.op_type in RESHAPING and producer.inputs[0]:
        value = producer.inputs[0]
        producer = value.producer()
    is_ours = producer is not None and producer.domain == DOMAIN
    return is_ours and value.index() == 0 and not _must_be_single(value, largest)


def _must_be_single(value: ir.Value, largest: Mapping[str, float]) -> bool:
    if value.is_graph_output() or not _fits(largest.get(value.name or "", np.inf)):
        return True
    return any(
        _must_be_single(node.outputs[0], largest) if node.op_type in RESHAPING else node.domain != DOMAIN
        for node in value.consumers()
    )
