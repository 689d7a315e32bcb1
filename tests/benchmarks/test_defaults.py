"""The layers that are priced, what one costs, and how far its default is from the best."""

import pytest

from armlet.benchmarks.defaults import layers, price, summary
from armlet.compiler.kernels import candidates
from armlet.targets import find_core, find_toolchain


def test_summary():
    found = {"dense": [[10.0, 8.0], [30.0, 30.0]], "conv": [[5.0]]}
    assert [*summary(found)] == [("conv", "1", "1.000", "1.00"), ("dense", "2", "1.053", "1.25")]


@pytest.fixture(scope="module")
def nodes():
    return {node.name: node for node in layers(["mobilenet_v3_small"])}


def test_layers_that_differ_in_weights_only_are_one(nodes):
    assert "block10/expand/conv" in nodes
    assert "block11/expand/conv" not in nodes


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a76"])
def test_a_call_costs_at_least_its_multiply_adds(core, nodes):
    core = find_core(core)
    kernel = next(iter(candidates(nodes["block7/project/conv"], core)))
    cycles = price(kernel, core, find_toolchain("linux", "aarch64"))
    floor = kernel.macs / core.peak.fp32
    assert floor < cycles < 2 * floor
