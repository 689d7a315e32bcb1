import re

import pytest

from armlet.explain import Explanation
from armlet.profiling import KernelProfile, Profile
from armlet.simulated_tables import show_explanation, show_profile, show_totals
from armlet.targets import HotRun, KernelCost, Limits, Record, Simulation
from armlet.targets.simulator.cache_model import CacheCounts, LevelCounts
from armlet.targets.simulator.in_order import Bottleneck
from armlet.targets.simulator.loops import Run

LEVEL = LevelCounts(
    900, 0, 100, 0, lines_in=100, lines_out=50, lines_written_back=25, prefetches=0, useful_prefetches=0
)
LOOP = Run(0x1000, (0x4F911200, 0xF1000442, 0x54FFFFC1), executions=1000, entries=10)


def kernel(name: str, cycles: float, *layers: str, floor: float = 0.0) -> KernelProfile:
    memory = CacheCounts((LEVEL, LEVEL, LEVEL))
    cost = KernelCost(name, {"load": 2000, "branch": 1000}, 0, {LOOP: cycles}, cycles / 4, 0.0, memory)
    return KernelProfile(cost, layers, floor, 2048)


@pytest.fixture
def profile():
    kernels = kernel("conv_a", 8e6, "stem", "last", floor=4e6), kernel("tiny", 800, "head", floor=400)
    return Profile(
        Simulation(Record(3, "cortex-a53", {"qemu": "7.2.22"}), tuple(k.cost for k in kernels)), kernels, 2.0
    )


def lines(capsys) -> list[str]:
    """What was printed, with one space for several."""
    return [re.sub(" +", " ", line).strip() for line in capsys.readouterr().out.splitlines()]


def test_totals(profile, capsys):
    show_totals(profile, "made on sim:cortex-a53")
    shown = lines(capsys)
    assert shown[0] == "made on sim:cortex-a53"
    assert {"branch 2,000", "load 4,000", "total 6,000"} <= set(shown)
    assert "L1D 1,800 200 12,800 6,400 3,200" in shown
    assert shown[-2] == (
        "modelled: 10,001,000 cycles, 5.00 ms, 20% of them waiting for memory; "
        "0.00 instructions a cycle, 0% of the multiply-add peak"
    )
    assert shown[-1] == "yardstick 3, qemu 7.2.22"


def test_a_profile_ends_with_the_rest_and_the_total(profile, capsys):
    show_profile(profile)
    shown = lines(capsys)
    assert shown[2:5] == [
        "conv_a 10,000,000 100 4,000,000 20 0 100 100",
        "1 below 0.1% 1,000 0 400 20 3 100 100",
        "total 10,001,000 100 4,000,400 20 0 200 200",
    ]
    assert shown[6:] == [
        "layer kernel part cycles % floor",
        "stem conv_a 1/2 5,000,000 50 2,000,000",
        "last conv_a 1/2 5,000,000 50 2,000,000",
        "head tiny 1/1 1,000 0 400",
        "the rest: of no layer 0 0 0",
        "total 10,001,000 100 4,000,400",
    ]


def test_an_explanation_of_an_in_order_core(profile, capsys):
    bottleneck = Bottleneck(4.0, {"result of v0": 3.0, "vector pipes": 0.95, "branch": 0.05})
    hot = HotRun(LOOP, 8e6, 0.75, bottleneck, [0, 0, 1])
    show_explanation(Explanation(profile.simulation.record, profile.kernels[0], [hot]))
    assert lines(capsys) == [
        "conv_a: stem, last",
        "modelled: 10,000,000 cycles, 20% of them waiting for memory "
        "(100 misses in L1D, 100 misses in L2; 2,048 bytes of weights)",
        "floor: 4,000,000 cycles, the multiply-accumulates alone",
        "yardstick 3, qemu 7.2.22",
        "",
        "75.0% of the computing: 3 instructions, 1,000 times in 10 loops of 100, 8000.00 cycles each time",
        "repeated without end 4.00, bound by dependencies (of these: result of v0 3.00, vector pipes 0.95)",
        "0 1000 fmla v0.4s, v16.4s, v17.s[0]",
        "0 1004 subs x2, x2, #1",
        "1 1008 b.ne #0x1000",
    ]


def test_an_explanation_of_an_out_of_order_core_says_what_is_left(profile, capsys):
    hot = HotRun(LOOP, 8e6, 0.75, Limits(2.0, "vector pipes", {"vector pipes": 2.0, "dispatch": 1.0}))
    several = kernel("conv_a", 8e6)
    several.cost.runs[Run(0x2000, (0xD65F03C0,), 1, 1)] = 1.0
    show_explanation(Explanation(profile.simulation.record, several, [hot]))
    shown = lines(capsys)
    assert shown[0] == "conv_a: of no layer"
    assert (
        "repeated without end 2.00, bound by vector pipes (busy: vector pipes 2.00, dispatch 1.00)" in shown
    )
    assert shown[7] == "1000 fmla v0.4s, v16.4s, v17.s[0]"
    assert shown[-1] == "shown are 1 of 2 runs; the others hold 25.0% of the computing (--all)"
