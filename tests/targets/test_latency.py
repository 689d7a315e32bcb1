"""Times from the server of this machine, which shows a board that is made of files; none is asserted."""

import numpy as np
import pytest

from armlet.targets import Conditions, measure_in_turns, measure_latency
from armlet.targets.devices import open_device

from ..boards.trees import pi4, write_tree

X = np.arange(1024, dtype=np.float32)
ONCE = Conditions(cooldown=0)


@pytest.fixture
def server(tmp_path, start_server):
    return start_server("--root", str(write_tree(tmp_path / "root", pi4())))


def test_all_rounds_are_kept_in_turns_of_ten(server, library):
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        latency = measure_latency(
            session, library("affine", "host"), [X], core="host", rounds=23, conditions=ONCE
        )
    assert len(latency.samples_ms) == 23
    assert [turn.board.cores for turn in latency.watch.turns] == ["4 cortex-a72"] * 3
    fastest = [min(latency.samples_ms[start : start + 10]) for start in (0, 10, 20)]
    assert [turn.reference for turn in latency.watch.turns] == fastest


def test_compared_programs_share_their_rounds_and_what_was_seen(server, library):
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        programs = [session.load(library("affine", "host")), session.load(library("pair", "host"))]
        before, now = measure_in_turns(
            session, programs, [[X], [X[:4]]], core="host", rounds=8, conditions=ONCE
        )
    assert (len(before.samples_ms), len(now.samples_ms)) == (8, 8)
    assert before.watch is now.watch
    assert len(now.watch.turns) == 3
