"""Assembly within a kernel: an LLVM function of inline assembly that TVM's code generation inlines."""

from collections.abc import Callable, Iterable, Sequence

from tvm import tirx
from tvm.tirx.script import builder as T

VECTOR_REGISTERS = 32
FLOAT_BYTES, LINE = 4, 64


def multiply_into(
    name: str,
    sums: Sequence[int],
    clobbered: Iterable[str],
    code: Callable[..., Iterable[str]],
    addresses: Sequence[tirx.Expr],
    result: tirx.Buffer,
) -> None:
    """Run `code`, which leaves sums of four floats in the vector registers `sums`; store them in `result`.

    `code` is given the registers that hold `addresses`; it may change those `clobbered`, the vector registers
    that are no sums, and the flags. `name` has to tell it from any other in the kernel.
    """
    lines = code(*(f"${len(sums) + number}" for number in range(len(addresses))))
    others = sorted(set(range(VECTOR_REGISTERS)) - set(sums))
    constraints = [
        *(f"={{v{register}}}" for register in sums),
        *("r" for _ in addresses),
        *(f"~{{v{register}}}" for register in others),
        *(f"~{{{register}}}" for register in (*clobbered, "nzcv", "memory")),
    ]
    returned = "{" + ", ".join(["<4 x float>"] * len(sums)) + "}"
    given = ", ".join(f"ptr %a{number}" for number in range(len(addresses)))
    stores = "\n".join(
        f"  %e{n} = extractvalue {returned} %r, {n}\n"
        f"  %p{n} = getelementptr inbounds <4 x float>, ptr %sums, i64 {n}\n"
        f"  store <4 x float> %e{n}, ptr %p{n}, align 16"
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


def touch(buffer: tirx.Buffer, start: tirx.Expr, count: int) -> None:
    """Load a number of every cache line of `count` numbers, in order: that is what prefetchers understand."""
    numbers = LINE // FLOAT_BYTES
    with T.serial(-(-count // numbers)) as line:
        _call("touch", _TOUCH, [buffer[start + T.min(line * numbers, count - 1)]])


_TOUCH = """define internal void @touch(ptr %address) alwaysinline {
  call void asm sideeffect "ldr wzr, [$0]", "r,~{memory}"(ptr %address)
  ret void
}
"""


def _call(name: str, definition: str, places: Sequence[tirx.Expr]) -> None:
    with T.attr(tirx.const(0, "int32"), "pragma_import_llvm", definition):
        T.evaluate(tirx.call_extern("void", name, *map(T.address_of, places)))
