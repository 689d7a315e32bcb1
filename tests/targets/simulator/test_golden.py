"""Fixed ARM64 programs, as the words they are: both counters count what is written here, on any machine."""

import struct
from collections import Counter
from dataclasses import astuple, dataclass

import numpy as np
import pytest

from armlet.targets import find_core
from armlet.targets.qemu import can_count
from armlet.targets.simulator.counting import count_program
from armlet.targets.simulator.freestanding import count_function
from armlet.targets.simulator.image import BASE, Image, Segment
from armlet.targets.simulator.instructions import decode
from armlet.targets.simulator.loops import runs_of


@dataclass(frozen=True)
class Golden:
    """A program, what it is called with, and all that is known of its execution.

    `runs` are (address, instructions, executions, entries); `jumps` how often each branch went where; `l1` of
    the core is (load hits, store hits, load misses, store misses, lines in, lines out, lines written back,
    prefetches, useful prefetches).
    """

    core: str
    code: str
    arguments: list
    kinds: dict
    runs: list
    jumps: dict
    l1: tuple = (0,) * 9

    @property
    def words(self):
        return [int(line.split()[0], 16) for line in self.code.strip().splitlines()]


# Empty loop of 2**20.
LOOP = Golden(
    core="cortex-a53",
    code="""
        52a00200  mov w0, #0x100000
        f1000400  subs x0, x0, #1
        54ffffe1  b.ne -4
        d65f03c0  ret
    """,
    arguments=[],
    kinds={"address_and_control": 1_048_577, "branch": 1_048_577},
    runs=[(0, 1, 1, 1), (4, 2, 1_048_576, 1), (12, 1, 1, 1)],
    jumps={(8, 4): 1_048_575, (8, 12): 1},
)

# C (4 x 16) = the sum of 64 outer products of a column of A, packed four by four, with a row of B.
MICRO_KERNEL = Golden(
    core="cortex-a76",
    code="""
        4f000410  movi v16.4s, #0
        4f000411  movi v17.4s, #0
        4f000412  movi v18.4s, #0
        4f000413  movi v19.4s, #0
        4f000414  movi v20.4s, #0
        4f000415  movi v21.4s, #0
        4f000416  movi v22.4s, #0
        4f000417  movi v23.4s, #0
        4f000418  movi v24.4s, #0
        4f000419  movi v25.4s, #0
        4f00041a  movi v26.4s, #0
        4f00041b  movi v27.4s, #0
        4f00041c  movi v28.4s, #0
        4f00041d  movi v29.4s, #0
        4f00041e  movi v30.4s, #0
        4f00041f  movi v31.4s, #0
        3cc10400  ldr q0, [x0], #16
        acc11424  ldp q4, q5, [x1], #32
        acc11c26  ldp q6, q7, [x1], #32
        4f801090  fmla v16.4s, v4.4s, v0.s[0]
        4f8010b1  fmla v17.4s, v5.4s, v0.s[0]
        4f8010d2  fmla v18.4s, v6.4s, v0.s[0]
        4f8010f3  fmla v19.4s, v7.4s, v0.s[0]
        4fa01094  fmla v20.4s, v4.4s, v0.s[1]
        4fa010b5  fmla v21.4s, v5.4s, v0.s[1]
        4fa010d6  fmla v22.4s, v6.4s, v0.s[1]
        4fa010f7  fmla v23.4s, v7.4s, v0.s[1]
        4f801898  fmla v24.4s, v4.4s, v0.s[2]
        4f8018b9  fmla v25.4s, v5.4s, v0.s[2]
        4f8018da  fmla v26.4s, v6.4s, v0.s[2]
        4f8018fb  fmla v27.4s, v7.4s, v0.s[2]
        4fa0189c  fmla v28.4s, v4.4s, v0.s[3]
        4fa018bd  fmla v29.4s, v5.4s, v0.s[3]
        4fa018de  fmla v30.4s, v6.4s, v0.s[3]
        4fa018ff  fmla v31.4s, v7.4s, v0.s[3]
        f1000463  subs x3, x3, #1
        54fffd81  b.ne -80
        4c9f2850  st1 {v16.4s, v17.4s, v18.4s, v19.4s}, [x2], #64
        4c9f2854  st1 {v20.4s, v21.4s, v22.4s, v23.4s}, [x2], #64
        4c9f2858  st1 {v24.4s, v25.4s, v26.4s, v27.4s}, [x2], #64
        4c9f285c  st1 {v28.4s, v29.4s, v30.4s, v31.4s}, [x2], #64
        d65f03c0  ret
    """,
    arguments=[
        np.arange(256, dtype=np.float32).reshape(64, 4) % 7,
        np.arange(1024, dtype=np.float32).reshape(64, 16) % 11,
        np.zeros((4, 16), np.float32),
        64,
    ],
    kinds={
        "multiply_accumulate": 1024,
        "load": 192,
        "store": 4,
        "address_and_control": 64,
        "branch": 65,
        "other": 16,
    },
    runs=[(0, 16, 1, 1), (64, 21, 64, 1), (148, 5, 1, 1)],
    jumps={(144, 64): 63, (144, 148): 1},
    l1=(122, 0, 6, 4, 92, 0, 0, 82, 74),
)

# for i in 0..99: for j in 0..i: if (i ^ j) & 1: x0 += 1
NESTED = Golden(
    core="cortex-a53",
    code="""
        aa1f03e1  mov x1, xzr
        aa1f03e2  mov x2, xzr
        ca020023  eor x3, x1, x2
        36000043  tbz w3, #0, +8
        91000400  add x0, x0, #1
        91000442  add x2, x2, #1
        eb01005f  cmp x2, x1
        54ffff69  b.ls -20
        91000421  add x1, x1, #1
        f101903f  cmp x1, #100
        54fffee1  b.ne -36
        d65f03c0  ret
    """,
    arguments=[0],
    kinds={"address_and_control": 17_951, "branch": 10_201},
    runs=[
        (0, 1, 1, 1),
        (4, 1, 100, 100),
        (8, 2, 5050, 5050),
        (16, 1, 2500, 2500),
        (20, 3, 5050, 5050),
        (32, 3, 100, 100),
        (44, 1, 1, 1),
    ],
    jumps={
        (12, 16): 2500,
        (12, 20): 2550,
        (28, 8): 4950,
        (28, 32): 100,
        (40, 4): 99,
        (40, 44): 1,
    },
)

# Fifty steps of half precision and int8.
SMALL_TYPES = Golden(
    core="cortex-a55",
    code="""
        4f000400  movi v0.4s, #0
        4f000403  movi v3.4s, #0
        52800643  mov w3, #50
        ad400801  ldp q1, q2, [x0]
        acc11424  ldp q4, q5, [x1], #32
        4f321820  fmla v0.8h, v1.8h, v2.h[7]
        4fa5e083  sdot v3.4s, v4.16b, v5.4b[1]
        71000463  subs w3, w3, #1
        54ffff61  b.ne -20
        ad000c40  stp q0, q3, [x2]
        d65f03c0  ret
    """,
    arguments=[
        np.arange(16, dtype=np.float16) % 5,
        (np.arange(1600) % 13 - 6).astype(np.int8),
        np.zeros(32, np.uint8),
    ],
    kinds={
        "multiply_accumulate": 100,
        "load": 100,
        "store": 1,
        "address_and_control": 51,
        "branch": 51,
        "other": 2,
    },
    runs=[(0, 3, 1, 1), (12, 6, 50, 1), (36, 2, 1, 1)],
    jumps={(32, 12): 49, (32, 36): 1},
    l1=(96, 0, 4, 1, 35, 0, 0, 30, 22),
)

ALL = {"loop": LOOP, "micro-kernel": MICRO_KERNEL, "nested": NESTED, "small types": SMALL_TYPES}


def call(golden):
    """Count one call in unicorn; the trace, what was returned, the arguments afterwards."""
    code = np.array(golden.words, "<u4").tobytes()
    image = Image("golden", (Segment(BASE, len(code), code),), {"program": BASE}, {})
    arguments = [value.copy() if isinstance(value, np.ndarray) else value for value in golden.arguments]
    trace, result = count_function(image, "program", arguments, find_core(golden.core))
    return trace, result, arguments


def check(trace, golden):
    """Compare all of `trace` with what is written above."""
    runs = runs_of(trace)
    kinds = Counter()
    for run in runs:
        kinds.update({decode(word).kind: 0 for word in run.words})
        for word in run.words:
            kinds[decode(word).kind] += run.executions
    words = {run.address + 4 * n: word for run in runs for n, word in enumerate(run.words)}
    jumps = {(a, b): n for (a, b), n in trace.edges.items() if decode(words[a]).kind == "branch"}
    assert [(run.address, len(run.words), run.executions, run.entries) for run in runs] == golden.runs
    assert dict(kinds) == golden.kinds
    assert jumps == golden.jumps
    l1 = np.sum([astuple(counts.levels[0]) for counts in trace.memory.values()], axis=0)
    assert tuple(np.broadcast_to(l1, 9).astype(int)) == golden.l1


@pytest.mark.parametrize("golden", ALL.values(), ids=ALL)
def test_in_unicorn(golden):
    trace, *_ = call(golden)
    check(trace, golden)


def test_what_the_programs_compute():
    _, _, (a, b, product, _) = call(MICRO_KERNEL)
    np.testing.assert_array_equal(product, a.T @ b)
    _, result, _ = call(NESTED)
    assert result == sum((i ^ j) & 1 for i in range(100) for j in range(i + 1))
    _, _, (half, quarter, written) = call(SMALL_TYPES)
    np.testing.assert_array_equal(written[:16].view(np.float16), 50 * half[:8] * half[15])
    steps = quarter.astype(np.int32).reshape(50, 2, 4, 4)
    dots = np.einsum("sij,sj->i", steps[:, 0], steps[:, 1, 1])
    np.testing.assert_array_equal(written[16:].view(np.int32), dots)


# A program for Linux, made by hand: code and data where it says, the region marked around one call.
CODE, DATA, PAGE = 0x400000, 0x10000000, 4096
ONLY, BEGIN, END, CLOSE, EXIT = -776, -777, -778, 57, 93


def put(register, value):
    """Move 64 bits to a register: movz, then movk for the upper quarters."""
    quarters = [(value & (2**64 - 1)) >> 16 * n & 0xFFFF for n in range(4)]
    return [
        (0xF2800000 if n else 0xD2800000) | n << 21 | quarter << 5 | register
        for n, quarter in enumerate(quarters)
    ]


def system_call(number, *arguments):
    registers = [word for register, value in enumerate(arguments) for word in put(register, value)]
    return [*registers, *put(8, number), 0xD4000001]


def executable(golden):
    """The bytes of an ELF file that calls the program once, its arrays on pages of their own."""
    data, values = b"", []
    for argument in golden.arguments:
        if isinstance(argument, np.ndarray):
            values.append(DATA + len(data))
            data += argument.tobytes().ljust(-(-argument.nbytes // PAGE) * PAGE, b"\0") + bytes(PAGE)
        else:
            values.append(argument)
    # The program stands on the first page of code, what calls it on the second.
    first = CODE + PAGE
    start = system_call(CLOSE, ONLY, first, first + 4 * len(golden.words))
    start += system_call(CLOSE, BEGIN)
    start += [word for register, value in enumerate(values) for word in put(register, value)]
    here = first + PAGE + 4 * len(start)
    start += [0x94000000 | ((first - here) // 4) & 0x3FFFFFF]  # bl
    start += system_call(CLOSE, END) + system_call(EXIT, 0)
    code = struct.pack(f"<{len(golden.words)}I", *golden.words).ljust(PAGE, b"\0")
    code += struct.pack(f"<{len(start)}I", *start).ljust(PAGE, b"\0")

    executable_for_arm64 = (2, 183, 1)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header += struct.pack("<HHIQQQIHHHHHH", *executable_for_arm64, first + PAGE, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    for flags, offset, address, content in ((5, PAGE, first, code), (6, 3 * PAGE, DATA, data)):
        header += struct.pack(
            "<IIQQQQQQ", 1, flags, offset, address, address, len(content), len(content), PAGE
        )
    return header.ljust(PAGE, b"\0") + code + data


@pytest.mark.emulator
@pytest.mark.skipif(not can_count(), reason="this qemu takes no plugins")
@pytest.mark.parametrize("golden", ALL.values(), ids=ALL)
def test_under_qemu(golden, tmp_path):
    program = tmp_path / "program"
    program.write_bytes(executable(golden))
    program.chmod(0o755)
    trace, _ = count_program([str(program)], find_core(golden.core))
    check(trace, golden)
