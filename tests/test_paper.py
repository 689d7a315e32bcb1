import json
import subprocess
import sys
from pathlib import Path

import pytest

from armlet.paper import CLAIMS, Claim, Side, compare
from armlet.targets import SimulatedDevice


def test_ratios_of_multiply_accumulates():
    compared = {each.claim.what: each.to_json() for each in compare()}
    assert compared["V3-Large against V2"]["macs_ratio"] == pytest.approx(216_589_760 / 300_774_272)
    # armlet's ratios are the paper's to a few hundredths.
    for figures in compared.values():
        assert figures["macs_ratio"] == pytest.approx(figures["paper_macs_ratio"], abs=0.04)
        assert figures["paper_latency_ratio"] < 1
        assert figures["cycles_ratio"] is None
    images = [tuple(figures["image"]) for figures in compared.values()]
    assert images == [(224, 224)] * 3 + [(320, 320)] * 2 + [(512, 1024)]


def smaller(side, **options):
    return Side(side.network, side.macs, side.milliseconds, side.options | options)


@pytest.mark.emulator
def test_ratios_of_modelled_cycles():
    small = Side("mobilenet_v3_small", 1, 1, {"resolution": 64, "width": 0.35, "classes": 10})
    claim = Claim("twice the pixels", smaller(small, resolution=(64, 128)), small, "nowhere")
    told = []
    (compared,) = compare([claim], SimulatedDevice.of("cortex-a76"), lambda *progress: told.append(progress))
    figures = compared.to_json()
    network, baseline = figures["modelled_cycles"]
    assert figures["cycles_ratio"] == pytest.approx(network / baseline, rel=1e-5)
    assert 1.3 < figures["cycles_ratio"] < 2
    assert figures["image"] == [64, 128]
    parts = [part for _, part in told]
    assert parts == sorted(parts)
    assert 0 <= parts[0] < parts[-1] < 1
    assert f"{small.variant}: simulate" in dict(told)


@pytest.mark.full
@pytest.mark.emulator
@pytest.mark.parametrize("number", [3, 5], ids=["detection", "segmentation"])
def test_claims_on_heads_of_small_images(number):
    claim = CLAIMS[number]
    sides = [smaller(side, resolution=64, classes=2) for side in (claim.network, claim.baseline)]
    (compared,) = compare([Claim(claim.what, *sides, "nowhere")], SimulatedDevice.of("cortex-a76"))
    # No core makes more than eight multiply-accumulates a cycle of fp32.
    assert all(c > m / 8 for c, m in zip(compared.cycles, compared.macs, strict=True))
    assert 0.3 < compared.to_json()["cycles_ratio"] < 1


def test_the_command():
    armlet = Path(sys.executable).with_name("armlet")
    done = subprocess.run([armlet, "paper", "--json"], capture_output=True, text=True, check=True)
    first = json.loads(done.stdout)["claims"][0]
    assert first["claim"] == "V3-Large against V2"
    assert first["paper_latency_ratio"] == pytest.approx(51 / 64)
    assert first["cycles_ratio"] is None
    assert "512x1024" in subprocess.run([armlet, "paper"], capture_output=True, text=True, check=True).stdout
