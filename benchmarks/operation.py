"""Networks of one ONNX operation, for benchmarks of what such an operation costs."""

from collections.abc import Sequence

import numpy as np
import onnx
import onnx_ir as ir

from armlet.frontend.importer import from_proto


def network_of(
    operation: str, shape: Sequence[int], name: str, result: str = "float", **constants: np.ndarray
) -> ir.Model:
    """The network y = `operation`, in ONNX's textual syntax, of an input x of `shape` and of `constants`.

    y is of the type `result`.
    """
    head = '<ir_version: 10, opset_import: ["" : 21]> operation'
    given = f"float[{','.join(map(str, shape))}] x"
    proto = onnx.parser.parse_model(f"{head} ({given}) => ({result}[] y) {{ y = {operation} }}")
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(array, constant) for constant, array in constants.items()
    )
    return from_proto(proto, name)
