import shutil

import pytest

from armlet.targets import find_core
from armlet.targets.simulator.bottleneck import limits

pytestmark = pytest.mark.skipif(not shutil.which("llvm-mca-22"), reason="llvm-mca 22 is not installed")

CHAIN = (0x4F911200, 0xF1000442, 0x54FFFFC1)  # fmla v0.4s, v16.4s, v17.s[0]; subs x2, x2, #1; b.ne
LOADS = (0x3DC00000, 0x3DC00001, 0x3DC00002, 0x3DC00003)  # ldr q0, [x0] and so on to q3


def test_a_core_that_multiplies_64_bits_at_a_time_is_bound_by_its_vector_pipes(loop_words):
    found = limits(loop_words, find_core("cortex-a72"))
    assert found.bound_by == "vector pipes"
    assert found.busy["vector pipes"] == 8  # an fmla of 128 bits takes both
    assert found.busy["branch pipes"] == 1
    assert found.cycles_per_iteration == pytest.approx(8, rel=0.02)


def test_one_that_multiplies_256_bits_needs_half_as_long(loop_words):
    found = limits(loop_words, find_core("cortex-a76"))
    assert found.bound_by == "vector pipes"
    assert found.busy["vector pipes"] == 4
    assert found.busy["dispatch"] == 3  # twelve instructions, four a cycle
    assert found.cycles_per_iteration == pytest.approx(4, rel=0.03)
    assert list(found.busy.values()) == sorted(found.busy.values(), reverse=True)


def test_a_chain_of_accumulations_is_bound_by_dependencies():
    found = limits(CHAIN, find_core("cortex-a76"))
    assert found.bound_by == "dependencies"
    assert found.cycles_per_iteration > 1.9 > max(found.busy.values())


@pytest.mark.parametrize(("core", "a_cycle"), [("cortex-a72", 1), ("cortex-a76", 2)])
def test_loads_are_bound_by_the_pipes_there_are(core, a_cycle):
    found = limits(LOADS, find_core(core))
    assert found.bound_by == "load and store pipes"
    assert found.cycles_per_iteration == pytest.approx(4 / a_cycle, rel=0.01)


@pytest.mark.parametrize(("core", "a_cycle"), [("cortex-a72", 3), ("cortex-a73", 2), ("cortex-a76", 4)])
def test_what_needs_no_pipe_is_bound_by_dispatch(core, a_cycle):
    found = limits((0xD503201F,) * 12, find_core(core))  # nop
    assert found.bound_by == "dispatch"
    assert found.cycles_per_iteration == pytest.approx(12 / a_cycle, rel=0.01)


@pytest.mark.parametrize("core", ["cortex-a73", "cortex-a78", "cortex-x1", "cortex-a710"])
def test_every_unit_of_every_model_has_a_name(core, loop_words):
    found = limits((*loop_words, 0x3D800060), find_core(core))
    assert not any("Unit" in name for name in found.busy)
    assert "vector pipes" in found.busy
