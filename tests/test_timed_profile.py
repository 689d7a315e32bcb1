import json
from pathlib import Path

import numpy as np
import pytest

from armlet.artifact import Artifact
from armlet.targets import Latency, Watch
from armlet.timed_profile import TimedProfile
from armlet.timed_tables import show_timed_profile

KERNELS = [
    {"name": "conv_a", "family": "conv1x1", "layers": ["stem", "last"], "calls": [0, 2], "macs": 6000},
    {"name": "tvm_b", "family": "tvm", "layers": ["erf"], "calls": [1], "macs": 0},
    {"name": "dense_c", "family": "dense", "layers": ["head"], "calls": [3], "macs": 500},
]
# Three rounds of four calls.
CALLS_MS = np.array([[0.1, 0.4, 0.2, 0.0], [0.3, 0.5, 0.2, 0.0], [0.2, 0.3, 0.4, 0.0]])


@pytest.fixture
def profile():
    latency = Latency([1.0, 1.1, 0.8], Watch(None, ()))
    return TimedProfile.of(Artifact(Path("made"), {"kernels": KERNELS}), latency, CALLS_MS)


def test_times_are_medians_of_rounds(profile):
    assert [(kernel.name, kernel.ms) for kernel in profile.kernels] == [
        ("conv_a", pytest.approx(0.5)),
        ("tvm_b", pytest.approx(0.4)),
        ("dense_c", 0),
    ]
    assert [(layer.name, layer.ms) for layer in profile.layers] == [
        ("erf", pytest.approx(0.4)),
        *[("stem", pytest.approx(0.2)), ("last", pytest.approx(0.2))],
        ("head", 0),
    ]
    # Of 0.7, 1.0, 0.9; of 1.0, 1.1, 0.8.
    assert profile.by_kernel_ms == pytest.approx(0.9)
    assert profile.not_in_kernels_ms == pytest.approx(0.1)


def test_macs_are_of_all_calls(profile):
    conv, fallback, dense = profile.kernels
    assert (conv.macs, conv.macs_per_ns) == (12000, pytest.approx(0.024))
    assert (fallback.macs, fallback.macs_per_ns) == (0, 0)
    # Too short for the counter.
    assert (dense.macs, dense.macs_per_ns) == (500, None)


def test_json(profile):
    content = json.loads(json.dumps(profile.to_json(), allow_nan=False))
    assert content["samples_ms"] == [1.0, 1.1, 0.8]
    assert content["kernels"][1] == {
        **{"name": "tvm_b", "family": "tvm", "layers": ["erf"]},
        **{"time_ms": 0.4, "share": pytest.approx(0.4 / 0.9), "macs": 0, "macs_per_ns": 0},
    }
    assert content["layers"][0]["samples_ms"] == [0.4, 0.5, 0.3]
    assert content.keys() >= {"conditions", "by_kernel_ms", "not_in_kernels_ms"}


def test_tables(profile, capsys):
    show_timed_profile(profile, "made on host")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "made on host, by kernel"
    assert lines[2].split() == ["conv_a", "conv1x1", "2", "500", "55.6", "12,000", "0.024"]
    assert lines[3].split() == ["tvm_b", "tvm", "1", "400", "44.4"]
    assert lines[5].split() == ["total", "4", "900", "100", "12,500"]
    assert lines[-1] == (
        "the whole takes 1.000 ms, kernel by kernel 0.900 ms, with a reading of the counter after each: "
        "+0.100 ms are in no kernel"
    )
