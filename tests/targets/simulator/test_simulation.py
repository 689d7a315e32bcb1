import json
import shutil

import pytest

from armlet.errors import UsageError
from armlet.targets import find_core
from armlet.targets.simulator.simulation import model, model_of
from armlet.targets.simulator.trace import Block, Trace

A53 = find_core("cortex-a53")
NEEDS_MCA = pytest.mark.skipif(not shutil.which("llvm-mca-22"), reason="llvm-mca 22 is not installed")


def test_kernels_have_their_own_and_add_up(trace, kernel_at):
    simulation = model(trace, A53, kernel_at)
    gemm, copy = simulation.kernels
    assert (gemm.name, copy.name) == ("gemm", "copy")
    assert gemm.instructions == {
        "multiply_accumulate": 8000,
        "load": 2000,
        "address_and_control": 1000,
        "branch": 1010,
        "store": 10,
    }
    assert copy.instructions == {"load": 1, "store": 1, "branch": 1}
    assert sum(simulation.instructions.values()) == trace.instructions == 12_023
    assert gemm.macs == simulation.macs == 32_000  # four lanes each
    assert gemm.multiply_cycles == 8000  # four a cycle
    assert simulation.cycles == gemm.cycles + copy.cycles
    assert simulation.peak_share == pytest.approx(8000 / simulation.cycles)


def test_json_names_units_and_what_made_it(trace, kernel_at):
    content = json.loads(json.dumps(model(trace, A53, kernel_at).to_json()))
    assert content["core"] == "cortex-a53"
    assert content.keys() == {
        "yardstick",
        "core",
        "versions",
        "instructions",
        "macs",
        "modelled_cycles",
        "modelled_stall_cycles",
        "instructions_per_cycle",
        "peak_share",
        "memory",
        "kernels",
    }
    assert content["memory"].keys() == {"L1D", "L2", "memory"}
    assert content["memory"]["L1D"] == {
        "load_hits": 2991,
        "store_hits": 11,
        "load_misses": 10,
        "store_misses": 0,
        "prefetches": 0,
        "useful_prefetches": 0,
        "bytes_in": 640,
        "bytes_out": 0,
        "bytes_written_back": 0,
    }
    gemm = content["kernels"][0]
    assert (gemm["name"], gemm["macs"]) == ("gemm", 32_000)
    assert gemm["instructions_per_cycle"] == round(12_020 / gemm["modelled_cycles"], 3)


def test_an_in_order_core_has_what_it_does_not_know_refused():
    with pytest.raises(UsageError, match="no model of cortex-a510: choose one of cortex-a53, "):
        model_of(find_core("cortex-a510"))
    with pytest.raises(UsageError, match="no model of host"):
        model(Trace((), {}, {}), find_core("host"), str)


def multiplying(count):
    """The trace of a loop of `count` fmla on as many accumulators as there are, 100 iterations 20 times."""
    fmla = tuple(0x4F9A1320 | number % 24 for number in range(count))  # fmla v0.4s, v25.4s, v26.s[0] ...
    words = (*fmla, 0xF1000442, 0x54000001)  # subs x2, x2, #1; b.ne
    last = 0x1000 + 4 * (len(words) - 1)
    return Trace((Block(0x1000, 2000, words),), {(last, 0x1000): 1980}, {})


@pytest.mark.parametrize(
    "core",
    [
        "cortex-a53",
        "cortex-a55",
        pytest.param("cortex-a72", marks=NEEDS_MCA),
        pytest.param("cortex-a76", marks=NEEDS_MCA),
    ],
)
def test_schedules_that_differ_by_a_twentieth_differ_so_in_the_report(core):
    few, many = (model(multiplying(count), find_core(core), lambda address: "loop") for count in (40, 42))
    assert many.macs / few.macs == 42 / 40
    assert sum(many.instructions.values()) / sum(few.instructions.values()) == 44 / 42
    assert many.cycles / few.cycles == pytest.approx(42 / 40, abs=0.005)
