"""What an instruction takes of the in-order cores Cortex-A53 and Cortex-A55: slots, pipes, latencies.

Sources of the constants, in brackets where they are used; what has none is assumed, and says so:

[ncnn]    ncnn, docs/developer-guide/arm-a53-a55-dual-issue.md: what issues beside an fmla, and what does not.
[ort]     ONNX Runtime, pull request 10754: a 128-bit load blocks the A55 for two whole cycles.
[tract]   tract, pull request 2241: measured on A55, fmla and ldr d 1.00 cycles, fmla and ld1 of a lane 1.97.
[slothy]  slothy, targets/aarch64/cortex_a55.py: the Cortex-A55 Software Optimization Guide (ARM-EPM-128372),
          corrected by measurements.
[llvm]    LLVM, AArch64SchedA55.td: latencies of the same guide; not its two 128-bit fmla a cycle.
[gcc]     GCC, config/arm/cortex-a53.md, written by Arm.
[pi3]     insn_bench_aarch64, results/raspberry-pi-3_cortex-a53.md: latencies and throughputs measured.
"""

import re
from dataclasses import dataclass
from functools import cache

from ...errors import UsageError
from .instructions import Instruction

ISSUE_WIDTH = 2
VECTOR_HALVES = 2  # pipes of 64 bits; an operation of 128 takes both [gcc, slothy; pi3: fmla .4s 0.99]


@dataclass(frozen=True, slots=True)
class InOrderCore:
    """Where the cores differ, in cycles.

    `fused_latency` is that of a floating-point multiply-accumulate, which reads its accumulator
    `accumulator_late`. `load_conflict`: so many cycles after one, no vector load can issue. `halves_of_load`
    and `halves_of_insert` are the vector pipes that a vector load of 64 bits and an insert from an integer
    register take. `store_interval` lies between vector stores. With `one_memory_pipe`, a load and a store
    never issue together.
    """

    name: str
    fused_latency: int
    accumulator_late: int
    load_conflict: int | None
    load_to_integer: int
    integer_to_address: int
    multiply_latency: int
    halves_of_load: int
    halves_of_insert: int
    store_interval: int
    one_memory_pipe: bool


MODELS = {
    core.name: core
    for core in (
        InOrderCore(
            "cortex-a53",
            fused_latency=8,  # [pi3] 8.04; through the accumulator 4.02
            accumulator_late=4,
            # [ncnn] "the 4th cycle": at distance 4, its own pattern of a load and three fmla is free.
            load_conflict=4,
            load_to_integer=3,  # [pi3] the 5.02 cycles around ldrb and add, less the next; [gcc] has 2 and 3
            integer_to_address=2,  # [ncnn] its pattern loads two cycles after the update of the pointer
            multiply_latency=4,  # [gcc, pi3]
            halves_of_load=1,  # [ncnn] not beside an fmla, but beside an insert
            halves_of_insert=1,  # [ncnn]
            store_interval=1,  # [pi3] str q 1.00 a cycle
            one_memory_pipe=True,  # [gcc]
        ),
        InOrderCore(
            "cortex-a55",
            fused_latency=4,  # [llvm]
            accumulator_late=0,
            load_conflict=None,
            load_to_integer=3,  # [llvm]
            integer_to_address=2,  # [llvm] 3, read one late
            multiply_latency=3,  # [slothy]
            halves_of_load=0,  # [ncnn, tract] beside an fmla; from revision 1 of the core
            halves_of_insert=0,  # [ncnn, slothy]
            store_interval=2,  # [slothy] measured: never in consecutive cycles
            one_memory_pipe=False,  # [llvm]
        ),
    )
}


def find_model(name: str) -> InOrderCore:
    """The in-order core called `name`; raises UsageError naming those that are modelled."""
    if name not in MODELS:
        raise UsageError(f"there is no in-order model of {name}: choose one of {', '.join(MODELS)}")
    return MODELS[name]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one instruction takes of one core.

    Its results serve arithmetic `latency` cycles after its issue, and addresses `address_latency` after.
    `needs` has the registers it reads, those of its address aside, each with the cycles after its issue at
    which it must be there. It takes `halves` of the vector pipes in its cycle, and `pipe` for `busy` cycles;
    if it `blocks`, it issues alone and nothing else issues in them. If it `leads`, it is never second of two.
    `fused` marks a floating-point multiply-accumulate, `vector_load` what may collide with one.
    """

    needs: tuple[tuple[str, int], ...]
    latency: int
    address_latency: int
    halves: int = 0
    pipe: str | None = None
    busy: int = 1
    blocks: bool = False
    leads: bool = False
    fused: bool = False
    vector_load: bool = False


_LOAD_LATENCY = 3  # [gcc, llvm, slothy, pi3]; one more for each further cycle of loading [slothy, pi3]
WRITE_BACK_LATENCY = 1  # [llvm] a pre- or post-index moves its base while the address is made
_BYTES_LOADED_A_CYCLE = 8  # [ncnn, ort; pi3: ldr q 0.50, ldp q 0.25, ldp x 0.50 a cycle]
_BYTES_STORED_A_CYCLE = 16  # [pi3: str q 1.00, stp q 0.50, st2 q 0.50 a cycle]
_STORED_DATA_LATE = 1  # [llvm]
_MOVED_LATE = 1  # [gcc] integer to vector register, as a store; XNNPACK's A55 kernels count on it
_CONDITION_LATE = 1  # [gcc; pi3: adds with its b.eq 1.01 cycles]
_INTEGER_ACCUMULATOR_LATE = 3  # [pi3] smlal 4.02, through the accumulator 1.03; [slothy] near that for A55


@cache
def cost(instruction: Instruction, core: InOrderCore) -> Cost:
    """What `instruction` takes of `core`, its data in the L1 cache and its branch predicted."""
    if instruction.kind == "load":
        return _load(instruction, core)
    if instruction.kind == "store":
        return _store(instruction, core)
    if instruction.kind == "branch":
        return Cost(_needs(instruction, _CONDITION_LATE), 1, 1, pipe="branch")
    if instruction.vector_bits:
        return _vector(instruction, core)
    return _integer(instruction, core)


def _needs(instruction: Instruction, late: int = 0) -> tuple[tuple[str, int], ...]:
    return tuple((register, late) for register in instruction.reads if register not in instruction.address)


def _halves(instruction: Instruction) -> int:
    return instruction.vector_bits // 64


def _load(load: Instruction, core: InOrderCore) -> Cost:
    cycles = max(1, -(-load.memory_bytes // _BYTES_LOADED_A_CYCLE))
    latency = _LOAD_LATENCY + cycles - 1
    pipe = "memory" if core.one_memory_pipe else "load"
    if not load.vector_bits:
        return Cost(_needs(load), core.load_to_integer + cycles - 1, latency, pipe=pipe, busy=cycles)
    # A lane goes through a vector pipe on either core [tract]; a broadcast is assumed to.
    is_plain = not load.merges and not re.fullmatch(r"ld[1-4]r", load.mnemonic)
    halves = core.halves_of_load if is_plain else 1
    return Cost(
        _needs(load), latency, latency, halves, pipe=pipe, busy=cycles, blocks=cycles > 1, vector_load=True
    )


def _store(store: Instruction, core: InOrderCore) -> Cost:
    cycles = max(1, -(-store.memory_bytes // _BYTES_STORED_A_CYCLE))
    if store.vector_bits:
        cycles = max(cycles, core.store_interval)
    return Cost(
        _needs(store, _STORED_DATA_LATE),
        latency=1,
        address_latency=1,
        halves=_halves(store),  # [slothy] for A55, assumed for A53; so is `leads`
        pipe="memory" if core.one_memory_pipe else "store",
        busy=cycles,
        leads=store.vector_bits == 128,
    )


_DIVIDE = re.compile(r"fdiv|fsqrt")
# Latency, and cycles until the next [llvm; pi3: fsqrt .s and .4s 12 and 9, .d and .2d 22 and 20].
_DIVIDE_CYCLES: dict[str | None, tuple[int, int]] = {"fp16": (8, 5), "fp32": (13, 10), "fp64": (22, 19)}
_FUSED_STEP = re.compile(r"frecps|frsqrts")
_VECTOR_LATENCIES = (  # [pi3, llvm]
    (1, re.compile(r"movi?|mvni?|and|orr|orn|eor|bic|not|bsl|bit|bif")),
    (2, re.compile(r"add|sub|neg|cm\w\w|fcm\w+|fac\w+|fcsel|s[lr]i|shl|[su]sh[lr]|[su]?shll2?|[su]xtl2?")),
    (2, re.compile(r"fmov|dup|ext|tbl|trn\d|zip\d|uzp\d|rev\d+|xtn2?|shrn2?|[su](?:max|min)p?")),
    (4, re.compile(r"f\w+|bf\w+|[su]cvtf|\w*mul\w*|\w*ml[as]\w*|\w*dot|\w*mmla")),
)
_OTHER_VECTOR_LATENCY = 3  # [pi3] saturating, widening, absolute, reducing integer arithmetic
_LANE_LATENCY = 2  # [slothy]
_TO_INTEGER_LATENCY = 3  # [pi3] an insert and a umov 5.02 together


def _vector(operation: Instruction, core: InOrderCore) -> Cost:
    from_integer = [register for register in operation.reads if register.startswith("x")]
    halves = core.halves_of_insert if operation.merges and from_integer else _halves(operation)
    fused = operation.accumulator is not None and operation.mnemonic.startswith("f")

    late = dict.fromkeys(from_integer, _MOVED_LATE)
    if operation.accumulator:
        late[operation.accumulator] = core.accumulator_late if fused else _INTEGER_ACCUMULATOR_LATE
    needs = tuple((register, late.get(register, 0)) for register in operation.reads)

    pipe, busy = None, 1
    if _DIVIDE.fullmatch(operation.mnemonic):
        pipe, (latency, busy) = "divide", _DIVIDE_CYCLES[operation.element]
    elif fused or _FUSED_STEP.fullmatch(operation.mnemonic):
        latency = core.fused_latency
    else:
        latency = _vector_latency(operation)
    leads = halves == VECTOR_HALVES  # [gcc, slothy]
    return Cost(needs, latency, latency, halves, pipe, busy, leads=leads, fused=fused)


def _vector_latency(operation: Instruction) -> int:
    if any(register.startswith("x") for register in operation.writes):
        return _TO_INTEGER_LATENCY
    if operation.mnemonic == "mov" and operation.merges:
        return _LANE_LATENCY
    known = (cycles for cycles, names in _VECTOR_LATENCIES if names.fullmatch(operation.mnemonic))
    return next(known, _OTHER_VECTOR_LATENCY)


_MULTIPLY = re.compile(r"[su]?m(?:ul|add|sub|neg)[lh]{0,2}")
_INTEGER_DIVIDE = re.compile(r"[su]div")
_INTEGER_DIVIDE_CYCLES = 8  # [llvm]
_SHIFTED_LATENCY = 2  # [pi3, slothy]


def _integer(operation: Instruction, core: InOrderCore) -> Cost:
    needs = _needs(operation)
    if _INTEGER_DIVIDE.fullmatch(operation.mnemonic):
        cycles = _INTEGER_DIVIDE_CYCLES
        return Cost(needs, cycles, cycles, pipe="integer divide", busy=cycles)
    if _MULTIPLY.fullmatch(operation.mnemonic):
        return Cost(needs, core.multiply_latency, core.multiply_latency, pipe="multiply")
    latency = _SHIFTED_LATENCY if operation.shifts else 1
    return Cost(needs, latency, max(latency, core.integer_to_address))
