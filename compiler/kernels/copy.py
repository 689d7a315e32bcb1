"""A copy of a tensor as it is."""

import onnx_ir as ir
from tvm import s_tir, te

from ...frontend.shapes import shape_of
from ..layout import Layout, shape_in
from .kernel import Kernel, dtype_of, largest_divisor


def copy(value: ir.Value, layout: Layout) -> Kernel:
    """The kernel that copies `value`, which is in `layout`."""
    shape = shape_in(layout, shape_of(value))
    x = te.placeholder(shape, dtype_of(value), name="x")
    schedule = s_tir.Schedule(te.create_prim_func([x, te.compute(shape, lambda *at: x(*at), name="out")]))
    if loops := schedule.get_loops(schedule.get_sblock("out")):
        _, lane = schedule.split(loops[-1], [None, largest_divisor(shape[-1], 16)])
        schedule.vectorize(lane)
    return Kernel("copy", schedule.mod["main"], [], macs=0)
