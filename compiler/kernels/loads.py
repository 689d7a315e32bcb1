"""Loads and addresses that LLVM would not write by itself, as functions in its own language that it inlines.

touch        ask for a line of a map before it is used: a load into the zero register, for which nothing
             waits, on an in-order core either. In the order of memory, prefetchers follow; what a kernel
             reads with large strides, the two streams of a Cortex-A53 never find.
in_halves    128 bits as a vector load of 64, an integer load and an insert, each of which issues beside a
             multiply-add (Cortex-A55) or beside each other (A53), where one load of 128 blocks two cycles
             [ncnn, docs/developer-guide/arm-a53-a55-dual-issue.md].
once_more    a load that LLVM takes for a new value each time, instead of a copy of a register: on
             out-of-order cores the load pipes have time that the vector pipes have not.
apart        an index that LLVM knows nothing of, in a loop that it must not unroll: what is addressed from
             there shares one register, near enough for pairs of stores, which take a vector pipe half as
             long as single ones.
"""

from contextlib import AbstractContextManager, nullcontext

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from .inline_assembly import llvm_type
from .vectors import LINE, Index, Vector

LINES_A_TOUCH = 4
# The farthest that an integer load reaches from its base register, in bytes (ARM ARM, LDR immediate).
REACH = 32760
_HALF_BYTES = 8

_LLVM = r"""
define internal void @touch(ptr %line) alwaysinline {
  call void asm sideeffect "ldr xzr, [$0]\0Aldr xzr, [$0, #64]", "r"(ptr %line)
  call void asm sideeffect "ldr xzr, [$0, #128]\0Aldr xzr, [$0, #192]", "r"(ptr %line)
  ret void
}
define internal VECTOR @in_halves(ptr %base, i32 %offset) alwaysinline {
  %distance = sext i32 %offset to i64
  %next = add i64 %distance, 8
  %place = getelementptr i8, ptr %base, i64 %distance
  %low = load i64, ptr %place, align 4
  %high = call i64 asm "ldr $0, [$1, $2]", "=r,r,i"(ptr %base, i64 %next)
  %half = insertelement <2 x i64> poison, i64 %low, i32 0
  %both = insertelement <2 x i64> %half, i64 %high, i32 1
  %result = bitcast <2 x i64> %both to VECTOR
  ret VECTOR %result
}
define internal i32 @apart(i32 %number) alwaysinline {
  %result = call i32 asm sideeffect "", "=r,0"(i32 %number) noduplicate
  ret i32 %result
}
define internal VECTOR @once_more(ptr %place) alwaysinline {
  %result = call VECTOR asm "ldr ${0:q}, [$1]", "=w,r"(ptr %place)
  ret VECTOR %result
}
"""


def llvm_functions(pipeline: str | None, vector: Vector) -> AbstractContextManager:
    """Around the code that calls the functions below: for the ARM cores, whose pipelines are known."""
    if pipeline is None:
        return nullcontext()
    definitions = _LLVM.replace("VECTOR", llvm_type(vector))
    return T.attr(tirx.const(0, "int32"), "pragma_import_llvm", definitions)


def touch(x: tirx.Buffer, size: int, begin: tirx.Expr | int, end: tirx.Expr | int) -> None:
    """Ask for the lines of the `size` numbers `x`, from number `begin` up to `end`, or a few lines short."""
    flat = T.decl_buffer((size,), x.dtype, data=x.data)
    step = LINES_A_TOUCH * LINE // np.dtype(x.dtype).itemsize
    with T.serial(T.Bind((end - begin) // step)) as number:
        T.evaluate(T.call_extern("void", "touch", T.address_of(flat[begin + number * step])))


def can_halve(vector: Vector, stride: int) -> bool:
    """Whether such vectors, multiples of `stride` numbers apart, can be loaded in halves from one base."""
    return stride * vector.number_bytes % _HALF_BYTES == 0


def in_halves(
    vector: Vector, buffer: tirx.Buffer, at: list[tirx.Expr], stride: int, number: int
) -> tirx.Expr:
    """The vector `number` strides of `stride` numbers after that at `at`."""
    offset = tirx.const(number * stride * vector.number_bytes, "int32")
    return T.call_extern(f"{vector.dtype}x{vector.lanes}", "in_halves", T.address_of(buffer[at]), offset)


def once_more(vector: Vector, buffer: tirx.Buffer, at: list[tirx.Expr]) -> tirx.Expr:
    """The vector at `at`, loaded again."""
    return T.call_extern(f"{vector.dtype}x{vector.lanes}", "once_more", T.address_of(buffer[at]))


def apart(number: Index) -> tirx.Var:
    """`number`, an index, as one that has nothing to do with any other."""
    return T.Bind(T.call_extern("int32", "apart", number))
