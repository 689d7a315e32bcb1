"""A linear layer on one row: a vector times a matrix, whose weights are read once, as one stream."""

import onnx_ir as ir

from ...targets import Core
from .kernel import Kernel, array
from .pointwise import Tiling, llvm_cpu, matrix_product

# Sums enough in flight that none waits for the one before it.
WIDTHS, WIDTHS_IN_ORDER = (32, 48, 16), (64, 32, 48)


def candidates(core: Core) -> list[Tiling]:
    """The tilings worth measuring, the best guess first."""
    if core.pipeline == "in-order":
        return [Tiling(width, inner_loop=core.name) for width in WIDTHS_IN_ORDER]
    return [Tiling(width, llvm_cpu=llvm_cpu(core)) for width in WIDTHS]


def dense(node: ir.Node, core: Core, tiling: Tiling | None = None) -> Kernel:
    """The kernel of a fused `Dense`: x [1, K], weight [N, K], bias [N]; output [1, N]."""
    weight = array(node.inputs[1])
    channels, depth = weight.shape
    return matrix_product("dense", node, weight, (1, depth), (1, channels), tiling or candidates(core)[0])
