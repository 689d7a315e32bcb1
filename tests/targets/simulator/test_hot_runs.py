import json
import shutil

import pytest

from armlet.targets import find_core
from armlet.targets.simulator.hot_runs import HotRun, hot_runs
from armlet.targets.simulator.in_order import Bottleneck
from armlet.targets.simulator.loops import Run
from armlet.targets.simulator.simulation import model

A53 = find_core("cortex-a53")


@pytest.fixture
def gemm(trace, kernel_at):
    return next(kernel for kernel in model(trace, A53, kernel_at).kernels if kernel.name == "gemm")


def test_the_loop_holds_the_cycles(gemm):
    (loop,) = hot_runs(gemm, A53)
    assert (loop.run.address, loop.run.executions, loop.run.entries, loop.run.trips) == (
        0x1000,
        1000,
        10,
        100,
    )
    # A cycle for each fmla; four until none is in its fourth cycle, when no vector load issues; two for ldr q
    # and four for ldp q; one for subs and b.ne; one more until v17 is there.
    assert loop.bottleneck.cycles_per_iteration == 20
    assert loop.bottleneck.causes == {
        "vector pipes": 8,
        "accumulation": 4,
        "128-bit load": 4,
        "memory pipe": 2,
        "issue slots": 1,
        "result of v17": 1,
    }
    assert loop.bound_by == "vector pipes"
    assert loop.cycles_per_iteration == pytest.approx(20, rel=0.01)
    assert loop.share == pytest.approx(loop.cycles / gemm.compute_cycles)


def test_the_cycle_in_which_each_instruction_issues(gemm):
    (loop,) = hot_runs(gemm, A53)
    assert loop.issue_cycles == [0, 1, 2, 3, 4, 5, 6, 7, 12, 14, 18, 18]


def test_all_of_the_code(gemm):
    runs = hot_runs(gemm, A53, everything=True)
    assert [hot.run.address for hot in runs] == [0x1000, 0x1030]
    assert sum(hot.share for hot in runs) == pytest.approx(1)


def test_assembly_names_addresses(gemm):
    (loop,) = hot_runs(gemm, A53)
    assert loop.assembly[0] == (0x1000, "fmla v0.4s, v16.4s, v17.s[0]")
    assert loop.assembly[8:10] == [(0x1020, "ldr q16, [x0], #0x10"), (0x1024, "ldp q17, q18, [x1], #0x20")]
    assert loop.assembly[-1] == (0x102C, "b.ne #0x1000")


def test_waits_for_different_results_count_together():
    causes = {"vector pipes": 3.0, "result of v0": 2.0, "result of v1": 2.0}
    run = Run(0, (0xD503201F,), 1, 1)  # nop
    assert HotRun(run, 7.0, 1.0, Bottleneck(7.0, causes)).bound_by == "dependencies"


def test_json(gemm):
    (content,) = json.loads(json.dumps([hot.to_json() for hot in hot_runs(gemm, A53)]))
    assert content["address"] == 0x1000
    assert content["executions"] == 1000
    assert content["entries"] == 10
    assert content["bottleneck"]["causes"]["vector pipes"] == 8
    assert content["assembly"][-1] == {"address": 0x102C, "text": "b.ne #0x1000"}


@pytest.mark.skipif(not shutil.which("llvm-mca-22"), reason="llvm-mca 22 is not installed")
def test_an_out_of_order_core(trace, kernel_at):
    a72 = find_core("cortex-a72")
    gemm = next(kernel for kernel in model(trace, a72, kernel_at).kernels if kernel.name == "gemm")
    (loop,) = hot_runs(gemm, a72)
    assert loop.bound_by == "vector pipes"
    assert loop.to_json()["bottleneck"]["busy"]["vector pipes"] == 8
