"""The weights of a projection times the gate of the map that it reads, in scratch memory: one pass over them.

sum over k of (x[k] gate[k]) w[k, n]  =  sum over k of x[k] (gate[k] w[k, n])
"""

from collections.abc import Sequence

from tvm import tirx
from tvm.tirx.script import builder as T

from .register_tile import each
from .vectors import Index, Vector


def gated(
    weights: tirx.Buffer, gate: tirx.Buffer, panels: Sequence[tuple[int, int]], depth: int, vector: Vector
) -> tirx.Buffer:
    """Multiply row k of each panel [K][width] of `weights`, cut as `panels`, by number k of `gate`, [K]."""
    result = T.alloc_buffer(weights.shape, weights.dtype)

    def multiply_row(number: tirx.Expr, row: Index, width: int) -> None:
        for column in range(0, width, vector.lanes):
            vector.store(result, vector.load(weights, row + column) * number, row + column)

    for channel, width in each(panels):
        panel = channel * depth
        with T.serial(depth // vector.lanes) as step:
            k = step * vector.lanes
            numbers = T.Bind(vector.load(gate, k))
            for lane in range(vector.lanes):
                multiply_row(vector.lane(numbers, lane), panel + (k + lane) * width, width)
        for k in range(vector.whole(depth), depth):
            number = T.Bind(vector.part(1).load(gate, k))
            multiply_row(vector.spread(number), panel + k * width, width)
    return result
