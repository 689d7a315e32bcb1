import json
import subprocess
import sys
from pathlib import Path

import pytest

from armlet.paper import Claim, Side, compare
from armlet.targets import SimulatedDevice


def test_ratios_of_multiply_accumulates():
    compared = {each.claim.what: each for each in compare()}
    large = compared["V3-Large against V2"]
    assert large.macs_ratio == pytest.approx(216_589_760 / 300_774_272)
    assert large.cycles_ratio is None
    # armlet's ratios are the paper's to a few hundredths.
    for each in compared.values():
        figures = each.to_json()
        assert figures["macs_ratio"] == pytest.approx(figures["paper_macs_ratio"], abs=0.04)
        assert figures["paper_latency_ratio"] < 1


@pytest.mark.emulator
def test_ratios_of_modelled_cycles():
    small = {"resolution": 64, "width": 0.35, "classes": 10}
    claim = Claim(
        "twice the pixels",
        Side("mobilenet_v3_small", 2, 2, small | {"resolution": (64, 128)}),
        Side("mobilenet_v3_small", 1, 1, small),
        "nowhere",
    )
    (compared,) = compare([claim], SimulatedDevice.of("cortex-a76"))
    assert 1.3 < compared.cycles_ratio < 2


def test_the_command():
    armlet = Path(sys.executable).with_name("armlet")
    done = subprocess.run([armlet, "paper", "--json"], capture_output=True, text=True, check=True)
    first = json.loads(done.stdout)["claims"][0]
    assert first["claim"] == "V3-Large against V2"
    assert first["paper_latency_ratio"] == pytest.approx(51 / 64)
    assert first["cycles_ratio"] is None
