"""What a kernel family gives: TIR with its weights; and what the families share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from tvm import s_tir, te, tirx

from ...frontend.shapes import shape_of


@dataclass(frozen=True)
class Kernel:
    """One operation in machine-independent form.

    `function` takes the node's activations (NHWC), then `constants`, then its output (NHWC).
    """

    family: str
    function: tirx.PrimFunc
    constants: list[np.ndarray]
    macs: int


@dataclass(frozen=True)
class Epilogue:
    """What happens to a sum before it is stored: nothing, a clip, or h-swish, by the node's attributes."""

    activation: str
    low: float
    high: float

    @classmethod
    def of(cls, node: ir.Node) -> "Epilogue":
        """The epilogue of a fused node."""
        attributes = node.attributes
        return cls(
            attributes.get_string("activation", "none"),
            attributes.get_float("low", -np.inf),
            attributes.get_float("high", np.inf),
        )

    def apply(self, x: tirx.Expr) -> tirx.Expr:
        """The epilogue of `x`."""
        match self.activation:
            case "clip":
                return _clip(x, self.low, self.high)
            case "hard_swish":
                return x * _clip(x * tirx.const(1 / 6, "float32") + tirx.const(0.5, "float32"), 0, 1)
            case _:
                return x


def _clip(x: tirx.Expr, low: float, high: float) -> tirx.Expr:
    if np.isfinite(low):
        x = tirx.max(x, tirx.const(low, "float32"))
    return tirx.min(x, tirx.const(high, "float32")) if np.isfinite(high) else x


def nhwc(value: ir.Value | None) -> tuple[int, int, int, int]:
    """The NHWC shape of a value whose ONNX shape is NCHW."""
    n, c, h, w = shape_of(value)
    return n, h, w, c


def array(value: ir.Value | None) -> np.ndarray:
    """The numbers of a constant, which `fuse.py` has seen to."""
    assert value is not None
    assert value.const_value is not None
    return value.const_value.numpy()


def padded(x: te.Tensor, pads: Sequence[int]) -> te.Tensor:
    """NHWC `x` with zeros around it; `pads` as ONNX writes them: top, left, bottom, right."""
    if not any(pads):
        return x
    top, left, bottom, right = pads
    n, h, w, c = (int(size) for size in x.shape)

    def element(i: tirx.Var, y: tirx.Var, z: tirx.Var, k: tirx.Var) -> tirx.Expr:
        inside = tirx.all(y >= top, y < top + h, z >= left, z < left + w)
        return tirx.if_then_else(inside, x[i, y - top, z - left, k], tirx.const(0, "float32"))

    return te.compute((n, h + top + bottom, w + left + right, c), element, name="padded")


def largest_divisor(size: int, limit: int) -> int:
    """The largest divisor of `size` that is at most `limit`."""
    return next(d for d in range(min(size, limit), 0, -1) if size % d == 0)


def panel_width(channels: int) -> int:
    """How many channels a kernel keeps in vectors at a time: whole 128-bit vectors where they divide."""
    return next((width for width in (16, 12, 8, 4) if channels % width == 0), largest_divisor(channels, 16))


def scheduled(inputs: Sequence[te.Tensor], output: te.Tensor) -> s_tir.Schedule:
    """A schedule of the function from `inputs` to `output`, with the padding inlined."""
    schedule = s_tir.Schedule(te.create_prim_func([*inputs, output]))
    for block in schedule.get_child_blocks(schedule.get_sblock("root")):
        if schedule.get(block).name_hint == "padded":
            schedule.compute_inline(block)
    return schedule


def accumulate_in_registers(
    schedule: s_tir.Schedule,
    sums: s_tir.schedule.SBlockRV,
    stored: s_tir.schedule.SBlockRV,
    width: int,
    rows: int,
) -> None:
    """Compute `sums`, tile by tile of `rows` x `width` (last two axes of `stored`), in registers.

    The vectors of a tile live through the whole reduction; `stored` applies the epilogue to them.
    """
    *outer, row, channel = schedule.get_loops(stored)
    panel, lane = schedule.split(channel, [None, width])
    tile, row = schedule.split(row, [None, rows])
    schedule.reorder(panel, *outer, tile, row, lane)
    schedule.compute_at(sums, tile, preserve_unit_loops=True)
    schedule.set_scope(sums, 0, "local")
    axes = [axis.iter_type for axis in schedule.get(sums).iter_vars]
    inner = schedule.get_loops(sums)[-len(axes) :]
    spatial = [loop for loop, kind in zip(inner, axes, strict=True) if kind == tirx.IterVar.DataPar]
    reduction = [loop for loop, kind in zip(inner, axes, strict=True) if kind == tirx.IterVar.CommReduce]
    schedule.reorder(*reduction, *spatial)
    schedule.unroll(spatial[-2])
    schedule.vectorize(spatial[-1])
    schedule.unroll(row)
    schedule.vectorize(lane)
    schedule.decompose_reduction(sums, reduction[0])
