"""Copies of a tensor: as it is, or with the axes of a map in the other order."""

import onnx_ir as ir
from tvm import s_tir, te

from ...frontend.shapes import shape_of
from ..layout import Layout, shape_in
from .kernel import Kernel, largest_divisor


def copy(value: ir.Value, layout: Layout) -> Kernel:
    """The kernel that copies `value`, which is in `layout`."""
    shape = shape_in(layout, shape_of(value))
    x = _placeholder(shape, value)
    return _kernel("copy", x, te.compute(shape, lambda *at: x(*at), name="out"))


def transpose(value: ir.Value, layout: Layout) -> Kernel:
    """The kernel that brings the map `value` into `layout` from the other one."""
    other: Layout = "nchw" if layout == "nhwc" else "nhwc"
    x = _placeholder(shape_in(other, shape_of(value)), value)
    if layout == "nhwc":
        out = te.compute(shape_in(layout, shape_of(value)), lambda n, h, w, c: x[n, c, h, w], name="out")
    else:
        out = te.compute(shape_in(layout, shape_of(value)), lambda n, c, h, w: x[n, h, w, c], name="out")
    return _kernel("transpose", x, out)


def _placeholder(shape: list[int], value: ir.Value) -> te.Tensor:
    assert value.dtype is not None
    return te.placeholder(shape, value.dtype.numpy().name, name="x")


def _kernel(family: str, x: te.Tensor, out: te.Tensor) -> Kernel:
    schedule = s_tir.Schedule(te.create_prim_func([x, out]))
    (*_, last) = schedule.get_loops(schedule.get_sblock("out")) or [None]
    if last is not None:
        size = int(out.shape[-1])
        _, lane = schedule.split(last, [None, largest_divisor(size, 16)])
        schedule.vectorize(lane)
    return Kernel(family, schedule.mod["main"], [], macs=0)
