"""The in-order model against published rules and measurements. Instructions are encoded by hand."""

import pytest

from armlet.errors import UsageError
from armlet.targets.cores import find_core
from armlet.targets.simulator.in_order import bottleneck, cycles, run_cycles
from armlet.targets.simulator.instructions import decode
from armlet.targets.simulator.loops import Run

A53, A55 = "cortex-a53", "cortex-a55"
MANY = 10**6


def fmla(d, n=0, m=4, lane=0):
    """Fmla vD.4s, vN.4s, vM.s[lane]."""
    return decode(0x4F801000 | (lane & 1) << 21 | (lane >> 1) << 11 | m << 16 | n << 5 | d)


def ldr_d(t, offset=0, n=0):
    return decode(0xFD400000 | offset // 8 << 10 | n << 5 | t)


def ldr_q(t, offset=0, n=0):
    return decode(0x3DC00000 | offset // 16 << 10 | n << 5 | t)


def ldr_x(t, offset=0, n=0):
    return decode(0xF9400000 | offset // 8 << 10 | n << 5 | t)


def ld1_lane(t):
    """Ld1 {vT.d}[1], [x0]."""
    return decode(0x4D408400 | t)


def insert_high(d, n):
    """Ins vD.d[1], xN."""
    return decode(0x4E181C00 | n << 5 | d)


def add(d, n, immediate=8):
    return decode(0x91000000 | immediate << 10 | n << 5 | d)


NOP = decode(0xD503201F)
INDEPENDENT = [fmla(8 + i, lane=i % 4) for i in range(16)]


def per_iteration(body, core):
    """Cycles of one repetition, exact: start-up weighs nothing in so many."""
    return round(cycles(body, MANY, core) / MANY, 3)


def test_the_encoders_say_what_they_are_called():
    words = [
        fmla(20, 16, 1, lane=3),
        ldr_d(2, 32),
        ldr_q(2, 32),
        ldr_x(8, 40, 5),
        insert_high(1, 8),
        add(1, 2),
    ]
    assert [instruction.text for instruction in words] == [
        "fmla v20.4s, v16.4s, v1.s[3]",
        "ldr d2, [x0, #0x20]",
        "ldr q2, [x0, #0x20]",
        "ldr x8, [x5, #0x28]",
        "mov v1.d[1], x8",
        "add x1, x2, #8",
    ]


@pytest.mark.parametrize("core", [A53, A55])
def test_one_fmla_of_128_bits_a_cycle(core):
    assert per_iteration(INDEPENDENT, core) == 16
    assert sum(instruction.macs for instruction in INDEPENDENT) == 4 * 16
    assert bottleneck(INDEPENDENT, core).causes == {"vector pipes": 16}


def test_peaks_of_the_cores():
    half = [decode(0x4F201000 | 8 + i) for i in range(16)]  # fmla v8.8h, v0.8h, v0.h[2] ...
    dot = [decode(0x4FA1E000 | 8 + i) for i in range(16)]  # sdot v8.4s, v0.16b, v1.4b[1] ...
    peak = find_core(A55).peak
    for body, expected in ((INDEPENDENT, peak.fp32), (half, peak.fp16), (dot, peak.int8)):
        assert sum(instruction.macs for instruction in body) / per_iteration(body, A55) == expected


@pytest.mark.parametrize(("core", "through_a_factor"), [(A53, 8), (A55, 4)])
def test_a_chain_of_fmla_costs_its_latency(core, through_a_factor):
    assert per_iteration([fmla(8)], core) == 4
    assert per_iteration([fmla(8), fmla(9)], core) == 4
    assert per_iteration([fmla(8 + i) for i in range(4)], core) == 4
    assert per_iteration([fmla(8, n=9), fmla(9, n=8)], core) == 2 * through_a_factor
    assert bottleneck([fmla(8)], core).causes == {"result of v8": 3, "vector pipes": 1}


BESIDE_FMLA = {  # what fills another register each time, cycles of the pair on A53 and on A55
    "ldr d": (ldr_d, 2, 1),  # the guide of ncnn; tract measured 1.00 on A55
    "ld1 lane": (ld1_lane, 2, 2),  # tract measured 1.97 on A55
    "ins": (lambda d: insert_high(d, 8), 2, 1),
    "ldr x": (ldr_x, 1, 1),
    "add": (lambda d: add(d, 0), 1, 1),
    "nop": (lambda d: NOP, 1, 1),
}


@pytest.mark.parametrize("other", BESIDE_FMLA)
def test_what_issues_beside_fmla(other):
    make, on_a53, on_a55 = BESIDE_FMLA[other]
    body = [part for i, multiply in enumerate(INDEPENDENT) for part in (multiply, make((1, 2, 3, 5)[i % 4]))]
    assert per_iteration(body, A53) == 16 * on_a53
    assert per_iteration(body, A55) == 16 * on_a55


def test_a_load_of_128_bits_blocks_two_cycles():
    body = [part for multiply in INDEPENDENT for part in (multiply, ldr_q(2))]
    assert per_iteration(body, A55) == 16 * 3
    assert per_iteration(body, A53) > 16 * 3
    assert bottleneck(body, A55).causes == {"128-bit load": 32, "vector pipes": 16}
    assert per_iteration([ldr_q(2), add(1, 3)], A53) == per_iteration([ldr_q(2), add(1, 3)], A55) == 3


def test_no_vector_load_on_the_fourth_cycle_of_fmla():
    """On A53 a load and three fmla find each other's gaps; one fmla more, and the load waits for all four."""
    spaced, dense = [ldr_d(2), *INDEPENDENT[:3]], [ldr_d(2), *INDEPENDENT[:4]]
    assert per_iteration(spaced, A53) == 4
    assert per_iteration(dense, A53) == 1 + 4 + 4
    assert bottleneck(dense, A53).causes == {"vector pipes": 5, "accumulation": 4}
    assert per_iteration([ldr_x(2), *INDEPENDENT[:4]], A53) == 4
    assert per_iteration(dense, A55) == 4


# Four blocks of three fmla. Each loads 16 bytes of weights for the next but one, in the order that ncnn and
# XNNPACK publish for the core, or with one 128-bit load.
def block(k, shape):
    first, second, third = (fmla(8 + 3 * k + i, n=k, lane=i) for i in range(3))
    later, offset = (k + 2) % 4, 16 * ((k + 2) % 4)
    low, high, insert = ldr_d(later, offset), ldr_x(8, offset + 8), insert_high((k + 1) % 4, 8)
    return {
        "for A53": [low, insert, first, high, second, third],
        "for A55": [first, low, second, insert, third, high],
        "ldr q": [first, ldr_q(later, offset), second, third],
    }[shape]


def loop(shape):
    return [instruction for k in range(4) for instruction in block(k, shape)]


def test_published_loops_rank_as_published():
    assert {shape: per_iteration(loop(shape), A55) for shape in ("for A55", "for A53", "ldr q")} == {
        "for A55": 12,
        "for A53": 16,
        "ldr q": 20,
    }
    assert {shape: per_iteration(loop(shape), A53) for shape in ("for A53", "ldr q", "for A55")} == {
        "for A53": 16,
        "ldr q": 20,
        "for A55": 24,
    }


def test_gains_of_whole_networks_lie_below_those_of_the_loops():
    """XNNPACK on A55, from its kernel for A53 to the one for A55: V1 236.8 to 199.1 ms, V3 131.0 to 120.5.
    ncnn on A53 (pull request 2713), from its 128-bit loads to a kernel for A53: V1 206.1 to 183.6 ms.
    """
    on_a55 = per_iteration(loop("for A53"), A55) / per_iteration(loop("for A55"), A55)
    on_a53 = per_iteration(loop("ldr q"), A53) / per_iteration(loop("for A53"), A53)
    assert on_a55 > 236.8 / 199.1 > 131.0 / 120.5
    assert on_a53 > 206.1 / 183.6


# Cycles measured on a Raspberry Pi 3 by insn_bench_aarch64, of one repetition.
MEASURED_ON_A53 = {
    "fmadd s8, s0, s1, s2": ([0x1F010808], 0.5),
    "fadd v8.4s, v0.4s, v1.4s": ([0x4E21D408], 1),
    "fadd s8, s0, s1": ([0x1E212808], 0.5),
    "zip1 v8.4s, v0.4s, v1.4s": ([0x4E813808], 1),
    "add x8, x9, #1": ([0x91000528], 0.5),
    "ldr x8, [x0]": ([0xF9400008], 1),
    "ldp x8, x9, [x0]": ([0xA9402408], 2),
    "ldr q8, [x0]": ([0x3DC00008], 2),
    "ldp q8, q9, [x0]": ([0xAD402408], 4),
    "ld1 {v8.4s, v9.4s, v10.4s, v11.4s}, [x0]": ([0x4C402808], 8),
    "ld1r {v8.4s}, [x0]": ([0x4D40C808], 1),
    "str q8, [x0]": ([0x3D800008], 1),
    "stp q8, q9, [x0]": ([0xAD002408], 2),
    "smlal v8.4s, v0.4h, v1.4h: a chain": ([0x0E618008], 1),
    "fmul v8.4s, v8.4s, v1.4s: a chain": ([0x6E21DD08], 4),
    "add v8.4s, v8.4s, v1.4s: a chain": ([0x4EA18508], 2),
    "sqadd v8.4s, v8.4s, v1.4s: a chain": ([0x4EA10D08], 3),
    "zip1 v8.4s, v8.4s, v1.4s: a chain": ([0x4E813908], 2),
    "mov v8.16b, v9.16b; mov v9.16b, v8.16b": ([0x4EA91D28, 0x4EA81D09], 2),
    "ldr x0, [x0]: a chain": ([0xF9400000], 3),
    "ldrb w0, [x0]; add x0, x0, x1": ([0x39400000, 0x8B010000], 5),
    "add x0, x0, #1: a chain": ([0x91000400], 1),
    "add x0, x0, x1, lsl #2: a chain": ([0x8B010800], 2),
    "lsl x0, x0, #3: a chain": ([0xD37DF000], 2),
}


@pytest.mark.parametrize("assembly", MEASURED_ON_A53)
def test_measurements_on_a53(assembly):
    words, measured = MEASURED_ON_A53[assembly]
    assert decode(words[0]).text == assembly.split(":")[0].split(";")[0]
    assert per_iteration([decode(word) for word in words], A53) == measured


def test_a_base_that_moves_is_there_in_the_next_cycle():
    loads = [decode(0xF8408401), decode(0xF8408402)]  # ldr x1, [x0], #8; ldr x2, [x0], #8
    assert per_iteration(loads, A53) == per_iteration(loads, A55) == 2
    # An addition takes longer to reach an address.
    assert per_iteration([add(0, 0), ldr_x(1)], A53) == 2
    assert per_iteration([add(0, 0), ldr_x(1)], A55) == 2


def test_copying_is_bound_by_the_load_and_by_the_store_pipe():
    copy = [decode(0x3CC10408), decode(0x3C810428)]  # ldr q8, [x0], #16; str q8, [x1], #16
    for core in (A53, A55):
        found = bottleneck(copy, core)
        assert found.cycles_per_iteration == 4
        assert next(iter(found.causes)) == "result of v8"
    stores = [decode(0x3D800008)] * 2  # str q8, [x0]
    assert bottleneck(stores, A55).causes == {"vector pipes": 2, "store pipe": 2}


def test_a_condition_issues_beside_its_branch():
    count_down = [decode(0xF1000400), decode(0x54000001)]  # subs x0, x0, #1; b.ne target
    assert per_iteration(count_down, A53) == per_iteration(count_down, A55) == 1


def test_an_operation_of_128_bits_issues_first_only():
    fadd = decode(0x4E21D408)  # fadd v8.4s, v0.4s, v1.4s
    assert bottleneck([fadd, add(2, 0), fadd, add(3, 0)], A55).causes == {"vector pipes": 2}
    assert bottleneck([add(2, 0), fadd, add(3, 0)], A55).causes == {"vector pipes": 1, "order": 1}


@pytest.mark.parametrize("core", [A53, A55])
@pytest.mark.parametrize("shape", ["for A53", "for A55", "ldr q"])
def test_repeating_is_the_same_as_writing_it_out(core, shape):
    body = [*loop(shape), ldr_q(5), fmla(6, n=5), add(0, 0), NOP]
    for iterations in (0, 1, 2, 3, 7, 20):
        assert cycles(body, iterations, core) == cycles(body * iterations, 1, core)


@pytest.mark.parametrize("core", [A53, A55])
@pytest.mark.parametrize("shape", ["for A53", "for A55", "ldr q"])
def test_causes_add_up(core, shape):
    body = [*loop(shape), add(0, 0)]
    found = bottleneck(body, core)
    assert sum(found.causes.values()) == pytest.approx(found.cycles_per_iteration)
    assert found.cycles_per_iteration == pytest.approx(per_iteration(body, core), abs=1e-3)
    assert list(found.causes.values()) == sorted(found.causes.values(), reverse=True)


def test_runs_are_priced_by_their_trips():
    words = (0x4F801008, 0x4F801009)  # fmla v8.4s, v0.4s, v0.s[0]; fmla v9.4s, v0.4s, v0.s[0]
    loop_of_ten = Run(0x1000, words, executions=30, entries=3)
    loop_of_ten_or_eleven = Run(0x2000, words, executions=21, entries=2)
    body = [decode(word) for word in words]
    ten, eleven = cycles(body, 10, A55), cycles(body, 11, A55)
    assert run_cycles([loop_of_ten, loop_of_ten_or_eleven], find_core(A55)) == {
        loop_of_ten: 3 * ten,
        loop_of_ten_or_eleven: ten + eleven,
    }


@pytest.mark.parametrize("core", ["cortex-a510", "cortex-a76"])
def test_a_core_without_a_model_is_refused(core):
    with pytest.raises(UsageError, match=f"no in-order model of {core}: choose one of {A53}, {A55}"):
        cycles(INDEPENDENT, 1, core)
