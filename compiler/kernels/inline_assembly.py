"""Assembly within a kernel: an LLVM function of inline assembly that TVM's code generation inlines."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from tvm import tirx
from tvm.tirx.script import builder as T

from .vectors import LINE, Vector

VECTOR_REGISTERS = 32
# LLVM's name of a type, and the assembler's of a lane.
LLVM_TYPES = {"float32": "float", "float16": "half"}
LANE_NAMES = {"float32": "s", "float16": "h"}


def multiply_into(
    name: str,
    vector: Vector,
    sums: Sequence[int],
    clobbered: Iterable[str],
    code: Callable[..., Iterable[str]],
    addresses: Sequence[tirx.Expr],
    result: tirx.Buffer,
) -> None:
    """Run `code`, which leaves sums, each a `vector`, in the vector registers `sums`; store them in `result`.

    `code` is given the registers that hold `addresses`; it may change those `clobbered`, the vector registers
    that are no sums, and the flags. `name` has to tell it from any other in the kernel.
    """
    lines = code(*(f"${len(sums) + number}" for number in range(len(addresses))))
    others = sorted(set(range(VECTOR_REGISTERS)) - set(sums))
    constraints = [
        *(f"={{v{number}}}" for number in sums),
        *("r" for _ in addresses),
        *(f"~{{v{number}}}" for number in others),
        *(f"~{{{name}}}" for name in (*clobbered, "nzcv", "memory")),
    ]
    register = llvm_type(vector)
    returned = "{" + ", ".join([register] * len(sums)) + "}"
    given = ", ".join(f"ptr %a{number}" for number in range(len(addresses)))
    stores = "\n".join(
        f"  %e{n} = extractvalue {returned} %r, {n}\n"
        f"  %p{n} = getelementptr inbounds {register}, ptr %sums, i64 {n}\n"
        f"  store {register} %e{n}, ptr %p{n}, align 16"
        for n in range(len(sums))
    )
    assembly = "\\0A".join(lines)
    _call(
        name,
        f"define internal void @{name}({given}, ptr %sums) alwaysinline {{\n"
        f'  %r = call {returned} asm sideeffect "{assembly}", "{",".join(constraints)}"({given})\n'
        f"{stores}\n  ret void\n}}\n",
        [*addresses, result[0]],
    )


def llvm_type(vector: Vector) -> str:
    """A vector in LLVM's language."""
    return f"<{vector.lanes} x {LLVM_TYPES[vector.dtype]}>"


def keep_in_memory(buffer: tirx.Buffer) -> None:
    """Have `buffer` written here, and read again behind: LLVM would hold it in registers that others need."""
    _call("keep_in_memory", _KEEP, [buffer[0]])


def touch(buffer: tirx.Buffer, start: tirx.Expr, count: int) -> None:
    """Load a number of every cache line of `count` numbers, in order: that is what prefetchers understand."""
    numbers = LINE // np.dtype(buffer.dtype).itemsize
    with T.serial(-(-count // numbers)) as line:
        _call("touch_number", _TOUCH, [buffer[start + T.min(line * numbers, count - 1)]])


_KEEP = """define internal void @keep_in_memory(ptr %address) alwaysinline {
  call void asm sideeffect "", "r,~{memory}"(ptr %address)
  ret void
}
"""
_TOUCH = """define internal void @touch_number(ptr %address) alwaysinline {
  call void asm sideeffect "ldrb wzr, [$0]", "r,~{memory}"(ptr %address)
  ret void
}
"""


def _call(name: str, definition: str, places: Sequence[tirx.Expr]) -> None:
    with T.attr(tirx.const(0, "int32"), "pragma_import_llvm", definition):
        T.evaluate(tirx.call_extern("void", name, *map(T.address_of, places)))
