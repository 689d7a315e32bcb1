"""A linear layer on one row: a vector times a matrix, whose weights are read once, as one stream."""

import onnx_ir as ir

from ...targets import Core
from .kernel import Kernel, array, llvm_cpu, vector_of
from .pointwise import Tiling, matrix_product

# Vectors of sums enough in flight that none waits for the one before it.
VECTORS, VECTORS_IN_ORDER = (8, 12, 4), (16, 8, 12)


def candidates(core: Core) -> list[Tiling]:
    """The tilings worth measuring, the best guess first."""
    in_order = core.pipeline == "in-order"
    return [
        Tiling(vectors, llvm_cpu=llvm_cpu(core), inner_loop=core.name if in_order else None)
        for vectors in (VECTORS_IN_ORDER if in_order else VECTORS)
    ]


def dense(node: ir.Node, core: Core, tiling: Tiling | None = None) -> Kernel:
    """The kernel of a fused `Dense`: x [1, K], weight [N, K], bias [N]; output [1, N].

    A pointwise `Conv` of one pixel is the same.
    """
    weight = array(node.inputs[1])
    weight = weight.reshape(len(weight), -1)
    channels, depth = weight.shape
    vector, tiling = vector_of(node, core), tiling or candidates(core)[0]
    return matrix_product("dense", node, weight, (1, depth), (1, channels), vector, tiling)
