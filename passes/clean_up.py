"""Remove what computes nothing: identities, dropout at inference, dead nodes, constants spelled as nodes.

onnx-ir's and onnxscript's own passes, in the order in which each sees what the one before uncovered.
Shape arithmetic (`Shape -> Gather -> Concat -> Reshape`) becomes a constant, functions of the model are
inlined except `armlet.SqueezeExcite`, and every value has its shape inferred.

Before: `Conv -> Dropout -> Identity -> Relu`. After: `Conv -> Relu`.
"""

import onnx
import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import optimizer

from ..errors import InvalidModelError
from .report import Refusal
from .rewriting import Changes, Pass
from .squeeze_excite_function import DOMAIN, squeeze_excite_function


def _clean_up(model: ir.Model) -> Changes:
    before = set(model.graph)
    # Before version 4 every initializer had to be listed as an input: those made here are not.
    model.ir_version = max(model.ir_version, 4)
    imports = model.opset_imports
    if "ai.onnx" in imports:  # The other name of ONNX's own domain.
        imports[""] = imports.pop("ai.onnx")
    try:
        common.InlinePass(criteria=_is_foreign)(model)
    except (ValueError, ir.passes.PreconditionError) as error:
        raise InvalidModelError(f"a function of the model cannot be inlined: {error}") from error
    common.ShapeInferencePass()(model)
    optimizer.fold_constants_ir(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    _drop_old_dropout(model.graph)
    common.IdentityEliminationPass()(model)
    common.RemoveUnusedNodesPass()(model)
    common.RemoveUnusedFunctionsPass()(model)
    common.RemoveUnusedOpsetsPass()(model)
    common.NameFixPass()(model)
    removed = before - set(model.graph)
    refused = [
        Refusal(node.name or "Dropout", "it is in training mode, or may be switched to it")
        for node in model.graph
        if node.op_type == "Dropout"
    ]
    return Changes(len(removed), tuple(refused))


def _is_foreign(function: ir.Function) -> bool:
    """Whether `function` is not `armlet.SqueezeExcite`: a model may define another of that name."""
    if function.domain != DOMAIN:
        return True
    return _body(function) != _body(squeeze_excite_function(function.opset_imports.get("", 0)))


def _body(function: ir.Function) -> onnx.FunctionProto:
    """`function` without what passes add to it: names of nodes and of constants, and inferred shapes."""
    proto = ir.to_proto(function)
    for node in proto.node:
        node.ClearField("name")
        for attribute in node.attribute:
            attribute.t.ClearField("name")
    proto.ClearField("value_info")
    return proto


def _drop_old_dropout(graph: ir.Graph) -> None:
    """Turn the Dropout of opsets 7 to 11, which always infers, into Identity; onnxscript does the newer."""
    if not 7 <= graph.opset_imports.get("", 0) < 12:
        return
    for node in graph:
        if node.op_type == "Dropout" and not any(mask.uses() for mask in node.outputs[1:]):
            node.op_type = "Identity"
            node.attributes.clear()
            node.resize_outputs(1)


clean_up = Pass("clean_up", _clean_up)
