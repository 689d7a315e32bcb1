"""The channel with the largest number of each pixel, of equal ones the first, NHWC.

Each lane keeps the largest number that it has seen, and where; a later one has to be larger. Of the lanes
that hold the largest of all, the first place is taken. The last vector reaches back, where it finds nothing
larger.
"""

import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...targets import Core
from .kernel import Kernel, argument, dtype_of, llvm_cpu, nhwc, vector_of
from .register_tile import each, pieces
from .vectors import Index, Vector

# What the places in vectors of half precision count to.
MOST_CHANNELS = 1 << 15
# Pixels side by side: the steps of one wait for each other.
PIXELS = 4


def argmax(node: ir.Node, core: Core) -> Kernel:
    """The kernel of `ArgMax`: [1, H, W, C] to [1, H, W], int64."""
    _, height, width, channels = nhwc(node.inputs[0])
    pixels = height * width
    with IRBuilder() as builder, T.prim_func():
        x = argument("x", (pixels, channels), dtype_of(node.inputs[0]))
        out = argument("out", (pixels,), dtype_of(node.outputs[0]))
        store_places(vector_of(node, core), x, out, 0)
    return Kernel("argmax", builder.get(), [], macs=0, llvm_cpu=llvm_cpu(core))


def store_places(vector: Vector, x: tirx.Buffer, out: tirx.Buffer, first: Index) -> None:
    """Store in `out`, from `first` on, the place of the largest number of each row of `x`, [N, C]."""
    rows, channels = map(int, x.shape)
    # A power of two: halves of a register have names.
    vector = vector.part(min(vector.lanes, 1 << channels.bit_length() - 1))
    for row, count in each(pieces(rows, PIXELS)):
        found = [_Largest(vector, x, row + number) for number in range(count)]
        with T.serial(1, channels // vector.lanes) as step:
            for one in found:
                one.look_at(step * vector.lanes)
        for number, one in enumerate(found):
            if channels % vector.lanes:
                one.look_at(channels - vector.lanes)
            T.buffer_store(out, T.cast(one.place(), out.dtype), [first + row + number])


class _Largest:
    """The largest numbers of row `row` of `x` in the channels looked at, and their places, lane by lane."""

    def __init__(self, vector: Vector, x: tirx.Buffer, row: Index):
        self._vector, self._x, self._row = vector, x, row
        self._words = Vector(f"int{8 * vector.number_bytes}", vector.lanes)
        self._numbers, self._places = vector.registers(1), self._words.registers(1)
        self._keep(vector.load(x, row, 0), self._places_from(0))

    def look_at(self, channel: Index) -> None:
        """Look at a vector of channels."""
        numbers, places = self._kept()
        others = T.Bind(self._vector.load(self._x, self._row, channel))
        is_larger = others > numbers
        self._keep(
            T.Select(is_larger, others, numbers), T.Select(is_larger, self._places_from(channel), places)
        )

    def place(self) -> tirx.Expr:
        """Where the first of the largest is."""
        numbers, places = self._kept()
        if self._vector.lanes == 1:
            return places
        largest = self._vector.spread(T.Bind(_across("fmax", numbers)))
        nowhere = self._words.spread(self._words.number(MOST_CHANNELS - 1))
        # So asked, NaN has a place too.
        return _across("smin", T.Select(numbers < largest, nowhere, places))

    def _places_from(self, channel: Index) -> tirx.Expr:
        return self._words.cast(self._words.at(T.int32(0) + channel))

    def _kept(self) -> tuple[tirx.Expr, tirx.Expr]:
        return T.Bind(self._vector.load(self._numbers, 0)), T.Bind(self._words.load(self._places, 0))

    def _keep(self, numbers: tirx.Expr, places: tirx.Expr) -> None:
        self._vector.store(self._numbers, numbers, 0)
        self._words.store(self._places, places, 0)


def _across(operation: str, vector: tirx.Expr) -> tirx.Expr:
    """What LLVM's reduction by `operation` makes of the lanes of a vector."""
    number = str(vector.ty.dtype.with_lanes(1))
    return tirx.call_llvm_pure_intrin(number, f"llvm.vector.reduce.{operation}", vector)
