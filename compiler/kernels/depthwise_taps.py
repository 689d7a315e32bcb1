"""Depthwise micro-kernel: one row of outputs in registers, a loop over the rows of the window.

The loop stays one (its bounds, which leave out the padding, are known only at run time), so that LLVM cannot
load all weights ahead and spill them. Any window.
"""

from itertools import groupby

from tvm import tirx
from tvm.tirx.script import builder as T

from .depthwise_layer import Buffers, Parameters, Registers
from .vectors import Blocks, balanced


def row_by_taps(
    buffers: Buffers, parameters: Parameters, row: tirx.Expr, blocks: Blocks, block: tirx.Expr
) -> None:
    """Compute the channels of one block of one row of outputs."""
    rows, columns = buffers.layer.rows, buffers.layer.columns
    y = T.Bind(row * rows.stride - rows.before)
    first_tap = T.Bind(tirx.max(0, (rows.dilation - 1 - y) // rows.dilation))
    taps = T.Bind(tirx.min(rows.taps, (rows.size - 1 - y) // rows.dilation + 1) - first_tap)
    # Neighbouring pieces of the row whose padding is the same share their code.
    start, kinds = 0, []
    for outputs in balanced(columns.outputs, parameters.columns):
        kinds.append((outputs, columns.inside(start, outputs)))
        start += outputs
    start = 0
    for (outputs, inside), group in groupby(kinds):
        count = len(list(group))
        uses = {pixel: found for pixel in inside if (found := list(columns.uses(pixel, outputs)))}
        with T.serial(count) as piece:
            for channel, vector in blocks.groups(parameters.vectors):
                column = start + piece * outputs
                registers = Registers(buffers, parameters, blocks, block, channel, vector, outputs)
                for output in range(outputs):
                    registers.start(output)
                with T.serial(taps) as step:
                    tap = T.Bind(first_tap + step)
                    weights = [registers.weight(tap, i) for i in range(columns.taps)]
                    # Counted from the first pixel inside, the base of all loads.
                    z = column * columns.stride - columns.before + min(uses, default=0)
                    place = registers.place(y + tap * rows.dilation, z)
                    for pixel, its_uses in uses.items():
                        x = registers.pixel(place, pixel - min(uses))
                        for output, i in its_uses:
                            registers.add(output, x, weights[i])
                for output in range(outputs):
                    registers.store(output, row, column + output)
                registers.squeeze()
        start += count * outputs
