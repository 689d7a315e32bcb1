"""A linear layer on one row: a vector times a matrix, whose weights are read once, as one stream."""

import onnx_ir as ir

from ...targets import Core
from .kernel import Kernel, array
from .pointwise import LLVM_CPU, Tiling, matrix_product

# Sums enough in flight that none waits for the one before it.
WIDTHS = (32, 48, 64, 16)


def candidates() -> list[Tiling]:
    """The tilings worth measuring, the best guess first."""
    return [Tiling(width, llvm_cpu=LLVM_CPU) for width in WIDTHS]


def dense(node: ir.Node, core: Core, tiling: Tiling | None = None) -> Kernel:
    """The kernel of a fused `Dense`: x [1, K], weight [N, K], bias [N]; output [1, N]."""
    weight = array(node.inputs[1])
    channels, depth = weight.shape
    tiling = tiling or candidates()[0]
    return matrix_product("dense", node, weight, (1, depth), (1, channels), tiling)
