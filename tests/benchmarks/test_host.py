"""Engines take turns on this machine, and what is said of them."""

import functools
import sys
from pathlib import Path

import pytest

from armlet import build
from armlet.benchmarks.host import Engine, Timed, engines, measure, rows
from armlet.benchmarks.peers.ncnn import NCNN
from armlet.benchmarks.peers.peer import Network
from armlet.errors import ArmletError

NETWORK = Network("mobilenet_v3_small", functools.partial(build, "mobilenet_v3_small"))


def test_armlet_is_held_against_the_best_peer():
    ours = Timed("armlet", [[3.0, 3.0], [3.0, 5.0]], error=1e-6)
    slow, best = Timed("slow", [[6.0, 6.0], [6.0, 2.0]]), Timed("best", [[2.0, 2.0], [4.0, 2.0]], error=2e-7)
    assert rows("network", [ours, slow, best]) == [
        ["network", "armlet", "3.00", "3.00", "", "", "1e-06"],
        ["network", "slow", "6.00", "2.00", "0.50 (0.38 to 1.12)", "1.50", ""],
        ["network", "**best**", "2.00", "2.00", "**1.50 (1.29 to 1.54)**", "1.50", "2e-07"],
    ]


def test_an_engine_that_ends_says_why(tmp_path):
    engine = Engine("armlet", Path(sys.executable), "run_armlet.py", tmp_path / "nothing", same_weights=True)
    with pytest.raises(ArmletError, match=r"armlet cannot run .*nothing: .*model\.so"):
        measure(NETWORK, [engine], rounds=1)


@pytest.mark.full
def test_armlet_and_ncnn_compute_the_same_network(tmp_path):
    competitors = engines(NETWORK, tmp_path / "made", [NCNN])
    timed = measure(NETWORK, competitors, rounds=2)
    assert [its.title for its in timed] == ["armlet", "ncnn"]
    assert all(len(its.turns) == 2 and its.fastest_ms > 0 for its in timed)
    assert all(its.error < 1e-5 for its in timed)
