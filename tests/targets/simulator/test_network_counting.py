"""Which counter counts, that both say the same, and that nothing is counted twice."""

from collections import Counter
from importlib.metadata import version

import numpy as np
import pytest

from armlet import build, compile_model
from armlet.targets import find_core
from armlet.targets.qemu import can_count
from armlet.targets.simulator import network_counting
from armlet.targets.simulator.counting import count_under_qemu
from armlet.targets.simulator.network_counting import count_network, counter
from armlet.targets.simulator.simulation import simulate
from armlet.targets.simulator.trace import Trace

A76 = find_core("cortex-a76")
pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    return compile_model(model, tmp_path_factory.mktemp("made") / "a76", A76)


@pytest.fixture
def no_plugins(monkeypatch, tmp_path):
    """A machine whose qemu is that of Debian 13."""
    qemu = tmp_path / "qemu-aarch64"
    qemu.write_text("#!/bin/sh\necho \"qemu: unknown option 'plugin'\"; exit 1")
    qemu.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("ARMLET_CACHE", str(tmp_path / "cache"))


def executions(trace):
    """How often each instruction was executed, wherever it lies."""
    found = Counter()
    for block in trace.blocks:
        for word in block.words:
            found[word] += block.executions
    return found


@pytest.mark.skipif(not can_count(), reason="this qemu takes no plugins")
def test_without_plugins_unicorn_counts_the_same(artifact, no_plugins, request):
    assert counter() == ("unicorn", version("unicorn"))
    in_unicorn = simulate(artifact.library, artifact.sample[0], A76)
    assert in_unicorn.record.versions["unicorn"] == version("unicorn")
    request.getfixturevalue("monkeypatch").undo()
    assert counter()[0] == "qemu"
    under_qemu = simulate(artifact.library, artifact.sample[0], A76)
    assert in_unicorn.instructions == under_qemu.instructions
    assert in_unicorn.cycles == pytest.approx(under_qemu.cycles, rel=1e-3)


@pytest.mark.skipif(not can_count(), reason="this qemu takes no plugins")
def test_the_kept_trace_is_the_trace(artifact):
    trace = count_under_qemu(artifact.library, artifact.sample[0], A76)
    assert Trace.parse(trace.text()) == trace


def test_nothing_is_counted_twice(artifact, no_plugins, monkeypatch):
    once = count_network(artifact.library, artifact.sample[0], A76)
    monkeypatch.delattr(network_counting, "count_in_unicorn")
    assert count_network(artifact.library, artifact.sample[0], A76) == once
    with pytest.raises(NameError):
        count_network(artifact.library, np.zeros_like(artifact.sample[0]), A76)
