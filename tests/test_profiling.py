import json
from pathlib import Path

import pytest

from armlet.artifact import Artifact
from armlet.errors import UsageError
from armlet.profiling import Profile
from armlet.targets import KernelCost, Record, Simulation, open_device
from armlet.targets.simulator.cache_model import CacheCounts, LevelCounts
from armlet.targets.simulator.loops import Run

NOP = 0xD503201F


def cost(name: str, cycles: float, stall_cycles: float = 0.0) -> KernelCost:
    """A kernel of one run of `cycles` instructions, one a cycle, and twice as many multiply-accumulates."""
    run = Run(0x1000, (NOP,) * int(cycles), 1, 1)
    memory = CacheCounts((LevelCounts(*range(9)),) * 3)
    return KernelCost(name, {"other": int(cycles)}, 2 * int(cycles), {run: cycles}, stall_cycles, 0.0, memory)


@pytest.fixture
def profile():
    artifact = Artifact(
        Path("made"),
        {
            "precision": "fp32",
            "kernels": [
                {"name": "conv_a", "layers": ["stem", "last"], "macs": 1200, "constant_bytes": 64},
                {"name": "dense_b", "layers": ["head"], "macs": 400, "constant_bytes": 1600},
            ],
        },
    )
    kernels = (cost("conv_a", 1000, 200), cost("dense_b", 700), cost("transpose", 100))
    simulation = Simulation(Record(0, "cortex-a53"), kernels)
    return Profile.of(simulation, artifact, open_device("sim:cortex-a53@2GHz"))


def test_floors_are_those_of_what_the_layers_need(profile):
    # Two calls of 1200 multiply-accumulates, four a cycle, whatever was executed; TVM's kernels need none.
    assert [kernel.floor_cycles for kernel in profile.kernels] == [600, 100, 0]
    assert profile.floor_cycles == 700
    assert [kernel.constant_bytes for kernel in profile.kernels] == [128, 1600, 0]


def test_layers_that_share_a_kernel_have_equal_parts(profile):
    assert [(layer.name, layer.cycles, layer.share) for layer in profile.layers] == [
        ("head", 700, 1),
        ("stem", 600, 0.5),
        ("last", 600, 0.5),
    ]
    assert sum(layer.cycles for layer in profile.layers) == profile.simulation.cycles - 100


def test_milliseconds_need_a_clock(profile):
    assert profile.modelled_ms == pytest.approx(2000 / 2e6)
    assert profile.to_json()["modelled_ms"] == 0.001
    assert Profile(profile.simulation, profile.kernels).to_json()["modelled_ms"] is None


def test_json(profile):
    content = json.loads(json.dumps(profile.to_json()))
    assert content["floor_cycles"] == 700
    assert [kernel["layers"] for kernel in content["kernels"]] == [["stem", "last"], ["head"], []]
    assert content["layers"][1] == {
        "name": "stem",
        "kernel": "conv_a",
        "share_of_kernel": 0.5,
        "instructions": 500,
        "modelled_cycles": 600,
        "modelled_stall_cycles": 100,
        "floor_cycles": 300,
    }


def test_a_kernel_is_found_by_its_name_and_by_its_layers(profile):
    assert profile.find("conv_a") is profile.find("last") is profile.kernels[0]
    assert profile.find("transpose").layers == ()


def test_an_unknown_name_is_refused_with_the_closest(profile):
    with pytest.raises(UsageError, match="no kernel or layer 'conv_x': the closest are conv_a"):
        profile.find("conv_x")
    with pytest.raises(UsageError, match="no kernel or layer 'zzz'; armlet bench --profile shows all"):
        profile.find("zzz")
