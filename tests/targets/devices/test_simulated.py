import shutil

import numpy as np
import pytest

from armlet import build, compile_model
from armlet.errors import UsageError
from armlet.frontend import count
from armlet.inference import bench
from armlet.targets import YARDSTICK, find_core, open_device


def model():
    return build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return compile_model(model(), tmp_path_factory.mktemp("made") / "a53", find_core("cortex-a53"))


@pytest.fixture(scope="module")
def layers(artifact):
    return {kernel["name"]: kernel["layers"] for kernel in artifact.manifest["kernels"]}


@pytest.fixture(scope="module")
def profile(artifact):
    return bench(artifact, open_device("sim:cortex-a53"), rounds=1)


@pytest.fixture(scope="module")
def simulation(profile):
    return profile.simulation


@pytest.mark.emulator
def test_every_multiply_accumulate_of_the_network_is_executed(artifact, simulation):
    entries = {entry["name"]: entry for entry in artifact.manifest["kernels"]}
    executed = {kernel.name: kernel.macs for kernel in simulation.kernels if kernel.name in entries}
    for name, entry in entries.items():
        if entry["layers"] == ["last/conv"]:
            # Each tile adds its channels to the mean.
            channels = entry["activation_bytes_written"] // 4
            assert 0 < (executed[name] - entry["macs"]) / channels < 8
        elif entry["family"] == "conv1x1":
            assert executed[name] == entry["macs"] * len(entry["layers"])
    # Borders are peeled: what would be multiplied with padding is not.
    needed = count(model()).macs
    assert 0.85 * needed < sum(executed.values()) < needed


@pytest.mark.emulator
def test_kernels_are_those_of_the_manifest_and_add_up(layers, simulation):
    names = {kernel.name for kernel in simulation.kernels}
    assert layers.keys() <= names
    assert sum(simulation.instructions.values()) == sum(
        sum(kernel.instructions.values()) for kernel in simulation.kernels
    )
    assert simulation.cycles == sum(
        kernel.compute_cycles + kernel.stall_cycles for kernel in simulation.kernels
    )
    assert 0 < simulation.peak_share < 1
    for kernel in simulation.kernels:
        assert kernel.compute_cycles >= kernel.multiply_cycles


@pytest.mark.emulator
def test_the_same_file_gives_the_same_numbers(artifact, layers, simulation, tmp_path):
    copy = shutil.copy(artifact.library, tmp_path / "elsewhere.so")
    again = open_device("sim:cortex-a53").simulate(copy, artifact.sample[0])
    ours = {kernel.name: kernel for kernel in simulation.kernels if kernel.name in layers}
    theirs = {kernel.name: kernel for kernel in again.kernels if kernel.name in layers}
    assert {name: kernel.instructions for name, kernel in ours.items()} == {
        name: kernel.instructions for name, kernel in theirs.items()
    }
    assert {name: kernel.compute_cycles for name, kernel in ours.items()} == {
        name: kernel.compute_cycles for name, kernel in theirs.items()
    }


@pytest.mark.emulator
def test_the_profile_joins_the_layers_of_the_manifest(layers, profile):
    assert {layer.name for layer in profile.layers} == {name for of in layers.values() for name in of}
    assert profile.floor_cycles == count(model()).macs / 4
    for kernel in profile.kernels:
        assert kernel.floor_cycles <= kernel.cost.cycles


@pytest.mark.emulator
def test_json_has_stable_keys(layers, profile):
    content = profile.to_json()
    assert content["yardstick"] == YARDSTICK
    assert content["core"] == "cortex-a53"
    assert content.keys() >= {
        "instructions",
        "modelled_cycles",
        "modelled_stall_cycles",
        "peak_share",
        "memory",
    }
    first = content["kernels"][0]
    assert first["modelled_cycles"] == max(kernel["modelled_cycles"] for kernel in content["kernels"])
    assert first["layers"] == layers[first["name"]]


@pytest.mark.full
@pytest.mark.emulator
@pytest.mark.skipif(not shutil.which("llvm-mca-22"), reason="llvm-mca 22 is not installed")
@pytest.mark.parametrize("core", ["cortex-a72", "cortex-a76", "cortex-x1"])
def test_out_of_order_cores(artifact, core):
    simulation = bench(artifact, open_device(f"sim:{core}"), rounds=1).simulation
    assert simulation.record.core == core
    assert 0 < simulation.peak_share < 1


@pytest.mark.parametrize(
    ("uri", "complaint"),
    [
        ("sim:cortex-a99", "cortex-a99"),
        ("sim:", "names no core"),
        ("sim:cortex-a76@fast", "names no core"),
        ("sim:cortex-a76@2.4", "names no core"),
        ("sim:cortex-a76@0GHz", "names no core"),
        ("sim:cortex-a76,threads=4", "threads, temperature and other loads are not modelled"),
        ("sim:host", "no model of host"),
        ("sim:cortex-a510", "no model of cortex-a510"),
        ("sim:armv8.2-a+fp16", r"no model of armv8\.2-a\+fp16"),
    ],
)
def test_what_cannot_be_simulated(uri, complaint):
    with pytest.raises(UsageError, match=complaint):
        open_device(uri)


@pytest.mark.emulator
def test_it_computes_what_onnxruntime_does(artifact):
    image, expected = artifact.sample
    (logits,) = open_device("sim:cortex-a53").run(artifact.library, image)
    assert np.abs(logits - expected).max() < 1e-5 * np.ptp(expected)


def test_a_clock_is_kept():
    device = open_device("sim:cortex-a76@2.4GHz")
    assert (device.uri, device.clock_ghz) == ("sim:cortex-a76@2.4GHz", 2.4)


def test_there_is_nothing_to_connect_to():
    with pytest.raises(UsageError, match="use emulated:cortex-a53"), open_device("sim:cortex-a53").connect():
        pass
