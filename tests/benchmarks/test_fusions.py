"""What the benchmark of fusions measures."""

import pytest

import armlet
from armlet.benchmarks.fusions import measure
from armlet.compiler.fuse import FUSIONS
from armlet.targets import find_core


@pytest.fixture(scope="module")
def costs():
    """Of a small network: with all fusions, and without those that move whole maps."""
    model = armlet.optimize(armlet.build("mobilenet_v3_small", resolution=96, width=0.35)).model
    left_out = {"": (), "squeeze": ("squeeze",), "gate": ("gate",), "pool": ("pool",)}
    return {
        name: measure(
            model, find_core("cortex-a53"), [fusion for fusion in FUSIONS if fusion.name not in names]
        )
        for name, names in left_out.items()
    }


@pytest.mark.emulator
@pytest.mark.parametrize("fusion", ["squeeze", "gate", "pool"])
def test_without_a_fusion_there_are_more_calls_and_more_bytes(fusion, costs):
    assert costs[fusion].calls > costs[""].calls
    assert costs[fusion].traffic > costs[""].traffic
