"""A linear layer on one row: a vector times a matrix, weights in panels [N / width][K][width]."""

import numpy as np
import onnx_ir as ir
from tvm import te, tirx

from .kernel import Epilogue, Kernel, accumulate_in_registers, array, panel_width, scheduled


def dense(node: ir.Node) -> Kernel:
    """The kernel of a fused `Dense`: x [1, K], weight [N, K], bias [N]; output [1, N]."""
    weight, bias_array = array(node.inputs[1]), array(node.inputs[2])
    features, depth = weight.shape
    panels = matrix_panels(weight)

    x = te.placeholder((1, depth), name="x")
    packed = te.placeholder(panels.shape, name="weight")
    bias = te.placeholder((features,), name="bias")
    sums = row_times_panels(x, packed)
    out = te.compute((1, features), lambda n, c: Epilogue.of(node).apply(sums[n, c] + bias[c]), name="out")

    schedule = scheduled([x, packed, bias], out)
    accumulate_in_registers(
        schedule, schedule.get_sblock("sums"), schedule.get_sblock("out"), panels.shape[2], rows=1
    )
    return Kernel("dense", schedule.mod["main"], [panels, bias_array], macs=features * depth)


def matrix_panels(weight: np.ndarray) -> np.ndarray:
    """A matrix [N, K] in panels [N / width, K, width]."""
    features, depth = weight.shape
    return np.ascontiguousarray(weight.reshape(-1, panel_width(features), depth).transpose(0, 2, 1))


def row_times_panels(x: te.Tensor, packed: te.Tensor, name: str = "sums") -> te.Tensor:
    """[1, K] times a matrix in panels [N / width, K, width]: [1, N]."""
    panels, depth, width = (int(size) for size in packed.shape)
    k = te.reduce_axis((0, depth), name="k")

    def element(n: tirx.Var, c: tirx.Var) -> tirx.Expr:
        return te.sum(x[n, k] * packed[c // width, k, c % width], axis=k)

    return te.compute((1, panels * width), element, name=name)
