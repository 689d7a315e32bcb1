"""ARM64 instructions as the simulated cores need them: what each reads and writes, moves and multiplies.

Capstone disassembles; the rest is read from the text. What capstone 5 itself says of reads and writes is
wrong or missing for half precision, dot products, structure loads and compares.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

import capstone

Kind = Literal["multiply_accumulate", "load", "store", "branch", "address_and_control", "other"]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One ARM64 instruction.

    `text` is assembly that llvm-mca takes; what is relative to the program counter is the label `target`.

    A register has one name for all its widths: x0 to x30, sp, v0 to v31, nzcv; the zero register is left out.
    `reads` holds all that is read: base and index of an `address`, the `accumulator` to which a
    multiply-accumulate adds, and a destination of which a part is kept (`merges`). `writes` holds also the
    base that a pre- or post-index moves (`write_back`).

    `memory_bytes` are loaded or stored; a prefetch counts as a load of none. `vector_bits` is the width of a
    vector operation, or of a vector register loaded or stored: 128, 64 (scalars and lanes too), or 0 where
    there is no vector register. `element` is the type of the elements that go in, such as fp16 or int8, of an
    operation on vector registers; `by_element` is set where one of its inputs is a lane. `macs` counts its
    multiply-accumulates. `shifts` is set if an integer operand is shifted, extended or cut on its way.
    """

    text: str
    mnemonic: str
    kind: Kind
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    address: tuple[str, ...] = ()
    accumulator: str | None = None
    write_back: str | None = None
    memory_bytes: int = 0
    vector_bits: int = 0
    element: str | None = None
    macs: int = 0
    by_element: bool = False
    merges: bool = False
    shifts: bool = False


_DISASSEMBLER = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
_BRANCH = re.compile(r"b|bl|br|blr|b\.\w+|cbn?z|tbn?z|ret")
_LITERAL_LOAD = re.compile(r"ldr|ldrsw|prfm")
_LAST_IMMEDIATE = re.compile(r"#-?(?:0x)?[0-9a-f]+$")


@cache
def decode(word: int) -> Instruction:
    """The instruction that the 32 bits of `word` encode.

    What capstone cannot decode is of the kind "other", reads and writes nothing, and has `.inst` as its text.
    """
    decoded = next(_DISASSEMBLER.disasm_lite(word.to_bytes(4, "little"), 0), None)
    if decoded is None:
        return Instruction(f".inst {word:#010x}", ".inst", "other")
    _, _, mnemonic, operands = decoded
    is_branch = _BRANCH.fullmatch(mnemonic) is not None
    is_literal = _LITERAL_LOAD.fullmatch(mnemonic) and "[" not in operands
    if is_branch or is_literal or mnemonic in ("adr", "adrp"):
        operands = _LAST_IMMEDIATE.sub("target", operands)
    text = f"{mnemonic} {operands}".strip()
    if is_branch:
        return _branch(text, mnemonic, operands)
    if _MEMORY.match(mnemonic):
        return _memory_access(text, mnemonic, operands)
    return _operation(text, mnemonic, operands)


@dataclass(frozen=True, slots=True)
class _Register:
    """A register operand: its name for all widths, its lanes and their bits, whether it is a single lane."""

    name: str
    lanes: int
    bits: int
    is_lane: bool = False

    @property
    def is_vector(self) -> bool:
        return self.name.startswith("v")


_BITS = {"b": 8, "h": 16, "s": 32, "d": 64, "q": 128, "w": 32, "x": 64}
_REGISTER = re.compile(
    r"\b(?:(?P<integer>[wx])(?P<number>\d+|zr)|w?(?P<stack>sp)|(?P<alias>fp|lr)"
    r"|v(?P<vector>\d+)\.(?P<lanes>\d*)(?P<lane_type>[bhsdq])(?P<lane>\[\d+\])?"
    r"|(?P<scalar_type>[bhsdq])(?P<scalar>\d+))(?!\w)"
)
_ALIASES = {"fp": "x29", "lr": "x30"}
_ZERO = "xzr"


def _registers(operands: str) -> list[_Register]:
    found = []
    for match in _REGISTER.finditer(operands):
        part = match.groupdict()
        if part["integer"]:
            found.append(_Register(f"x{part['number']}", 1, _BITS[part["integer"]]))
        elif part["vector"]:
            # {v0.s, v1.s}[1]: a type without a number of lanes is a lane, wherever its index stands.
            is_lane = not part["lanes"] or part["lane"] is not None
            lanes, bits = int(part["lanes"] or 1), _BITS[part["lane_type"]]
            found.append(_Register(f"v{part['vector']}", lanes, bits, is_lane))
        elif part["scalar"]:
            found.append(_Register(f"v{part['scalar']}", 1, _BITS[part["scalar_type"]]))
        else:
            found.append(_Register(part["stack"] or _ALIASES[part["alias"]], 1, 64))
    return found


def _names(*registers: _Register) -> tuple[str, ...]:
    names = dict.fromkeys(register.name for register in registers)
    return tuple(name for name in names if name != _ZERO)


def _vector_bits(registers: list[_Register]) -> int:
    vectors = [register for register in registers if register.is_vector]
    if not vectors:
        return 0
    return max(64 if register.is_lane else max(64, register.lanes * register.bits) for register in vectors)


_FLAGS = ("nzcv",)
_READS_FLAGS = re.compile(
    r"b\.\w+|f?csel|cs(?:inc|inv|neg)|csetm?|cin[cv]|cneg|f?ccmpe?|ccmn|adcs?|sbcs?|ngcs?"
)
_WRITES_FLAGS = re.compile(r"(?:add|sub|and|bic|adc|sbc|neg|ngc)s")


def _branch(text: str, mnemonic: str, operands: str) -> Instruction:
    used = _names(*_registers(operands)) or (("x30",) if mnemonic == "ret" else ())
    flags = _FLAGS if _READS_FLAGS.fullmatch(mnemonic) else ()
    link = ("x30",) if mnemonic in ("bl", "blr") else ()
    return Instruction(text, mnemonic, "branch", reads=used + flags, writes=link)


_MEMORY = re.compile(r"ld|st|cas|swp|prfu?m")
_ADDRESS = re.compile(r"\[(?:x\d|sp|fp|lr).*")
_WRITES_BACK = re.compile(r"\]!|\], ")
_ATOMIC = re.compile(r"cas|swp|ld(?:add|clr|eor|set|[su]max|[su]min)")
_STORE_EXCLUSIVE = re.compile(r"stl?x")
_PART_OF_A_REGISTER = re.compile(r"\w*?(sw|b|h)")


def _memory_access(text: str, mnemonic: str, operands: str) -> Instruction:
    place = _ADDRESS.search(operands)
    data = _registers(operands[: place.start()] if place else operands)
    address = _registers(place[0]) if place else []
    moved = address[:1] if place and _WRITES_BACK.search(place[0]) else []
    is_load = not mnemonic.startswith("st")
    merges = is_load and any(register.is_lane for register in data)
    read, written = ([], data) if is_load else (data, [])
    if merges or _ATOMIC.match(mnemonic):
        # Atomics differ in which register is which: both are taken for all.
        read = data
    elif _STORE_EXCLUSIVE.match(mnemonic):
        written, read = data[:1], data[1:]
    return Instruction(
        text,
        mnemonic,
        "load" if is_load else "store",
        reads=_names(*read, *address),
        writes=_names(*written, *moved),
        address=_names(*address),
        write_back=moved[0].name if moved else None,
        memory_bytes=_memory_bytes(mnemonic, data),
        vector_bits=_vector_bits(data),
        merges=merges,
    )


def _memory_bytes(mnemonic: str, data: list[_Register]) -> int:
    if _ATOMIC.match(mnemonic):  # what is compared or added, and what was found
        data = data[: (len(data) + 1) // 2]
    elif _STORE_EXCLUSIVE.match(mnemonic):  # the first receives whether it succeeded
        data = data[1:]
    part = _PART_OF_A_REGISTER.fullmatch(mnemonic)
    if part and data and not data[0].is_vector:
        return {"b": 1, "h": 2, "sw": 4}[part[1]] * len(data)
    one_element_for_all_lanes = re.fullmatch(r"ld[1-4]r", mnemonic)
    return sum(register.bits * (1 if one_element_for_all_lanes else register.lanes) for register in data) // 8


# Multiply-accumulates for one lane of the result; a 2 at the end (the upper half) is not part of the name.
_MACS_A_LANE = {
    **dict.fromkeys(("fmla", "fmls", "fmlal", "fmlsl", "fmadd", "fmsub", "fnmadd", "fnmsub"), 1),
    **dict.fromkeys(("mla", "mls", "smlal", "smlsl", "umlal", "umlsl", "sqdmlal", "sqdmlsl"), 1),
    **dict.fromkeys(("sqrdmlah", "sqrdmlsh", "bfmlalb", "bfmlalt"), 1),
    "bfdot": 2,
    **dict.fromkeys(("sdot", "udot", "usdot", "sudot", "bfmmla"), 4),
    **dict.fromkeys(("smmla", "ummla", "usmmla"), 8),
}
# These add to their last operand; all others to their destination.
_ADDS_TO_LAST = ("fmadd", "fmsub", "fnmadd", "fnmsub")
_KEEPS_A_PART = re.compile(
    r"bsl|bit|bif|tbx|sli|sri|[su]r?sra|[su]abal?2?|[su]adalp|suqadd|usqadd|fcmla|movk|bfi|bfxil|bfc"
    r"|aes[de]|sha\d\w+|\w*(?:xtu?n|shru?n|[db]hn|cvtx?n)2"
)
_COMPARE = re.compile(r"cmp|cmn|tst|ccmp|ccmn|f?cc?mpe?")
_SYSTEM = re.compile(r"msr|[id]c|sys|tlbi|at")
_SHIFTS = re.compile(
    r"(?:bfi|bfxil|bfc|[us]bfi?[xz]|[us]xt[bhw]|rbit|rev\w*|extr) |(?:lsl|lsr|asr|ror) .*#"
    r"|.*[wx]\d+, (?:lsl|lsr|asr|ror|[us]xt[bhwx])"
)


def _operation(text: str, mnemonic: str, operands: str) -> Instruction:
    registers = _registers(operands)
    vector_bits = _vector_bits(registers)
    compares = _COMPARE.fullmatch(mnemonic) is not None
    destination = None if compares or not registers or _SYSTEM.fullmatch(mnemonic) else registers[0]
    used = registers[1:] if destination else registers

    macs_a_lane = _MACS_A_LANE.get(mnemonic.removesuffix("2"), 0)
    accumulator = registers[-1 if mnemonic in _ADDS_TO_LAST else 0] if macs_a_lane else None
    merges = destination is not None and (
        destination.is_lane
        or _KEEPS_A_PART.fullmatch(mnemonic) is not None
        or (mnemonic in ("orr", "bic") and len(registers) == 1)
    )
    if destination and (merges or accumulator is destination):
        used = [destination, *used]
    sets_flags = compares or _WRITES_FLAGS.fullmatch(mnemonic)
    kind: Kind = "multiply_accumulate" if macs_a_lane else "other" if vector_bits else "address_and_control"
    return Instruction(
        text,
        mnemonic,
        kind,
        reads=_names(*used) + (_FLAGS if _READS_FLAGS.fullmatch(mnemonic) else ()),
        writes=_names(*registers[: destination is not None]) + (_FLAGS if sets_flags else ()),
        accumulator=accumulator.name if accumulator else None,
        vector_bits=vector_bits,
        element=_element(mnemonic, registers),
        macs=macs_a_lane * registers[0].lanes if macs_a_lane else 0,
        by_element=any(register.is_lane for register in registers[1:]),
        merges=merges,
        shifts=not vector_bits and _SHIFTS.match(text) is not None,
    )


def _element(mnemonic: str, registers: list[_Register]) -> str | None:
    vectors = [register for register in (*registers[1:], *registers[:1]) if register.is_vector]
    if not vectors:
        return None
    is_float = mnemonic.startswith(("f", "bf"))
    return f"{'bf' if mnemonic.startswith('bf') else 'fp' if is_float else 'int'}{vectors[0].bits}"
