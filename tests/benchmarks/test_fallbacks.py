"""Operations of heads: armlet has a kernel for each, which costs less than TVM's code."""

import pytest

from armlet.benchmarks.fallbacks import OPERATIONS, cycles
from armlet.compiler.fuse import fuse
from armlet.targets import find_core


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_each_has_a_kernel(operation):
    model = operation.model()
    fuse(model, find_core("cortex-a76"))
    assert [node.domain for node in model.graph] == ["armlet"]


@pytest.mark.emulator
def test_a_kernel_costs_less_than_tvm():
    sigmoid, core = OPERATIONS[-1], find_core("cortex-a76")
    assert 5 * cycles(sigmoid, core, by_tvm=False) < cycles(sigmoid, core, by_tvm=True)
