"""Times from the server of this machine, which shows a board that is made of files; none is asserted."""

from functools import partial

import numpy as np
import pytest

from armlet.targets import Conditions, measure_by_call, measure_in_turns, measure_latency
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


def test_calls_are_timed_in_rounds_of_their_own(server, library):
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        latency, calls = measure_by_call(
            session, library("pair", "host"), [X[:4]], core="host", rounds=12, conditions=ONCE
        )
    assert (len(latency.samples_ms), calls.shape) == (12, (12, 1))
    assert len(latency.watch.turns) == 2
    assert calls.min() > 0


def test_loads_are_timed_in_the_rounds_on_the_processors_of_these(server, library):
    names, seen = ("affine", "pair"), []
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        programs = [session.load(library(name, "host")) for name in names]
        loadings = [session.loading(library(name, "host")) for name in names]

        def loading(which):
            seen.append((which, server.sessions()[0].cpu_affinity()))
            return loadings[which]()

        conditions = Conditions((0,), cooldown=0)
        found = measure_in_turns(
            session,
            programs,
            [[X], [X[:4]]],
            [partial(loading, which) for which in range(2)],
            core="host",
            rounds=4,
            conditions=conditions,
        )
    assert seen == [(which, [0]) for which in (0, 1, 1, 0, 0, 1, 1, 0)]
    assert [len(each.samples_ms) for each in found] == [4] * 4
    assert all(each.watch is found[0].watch for each in found)
    assert min(found[2].samples_ms + found[3].samples_ms) > 0


def test_compared_programs_share_their_rounds_and_what_was_seen(server, library):
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        programs = [session.load(library("affine", "host")), session.load(library("pair", "host"))]
        before, now = measure_in_turns(
            session, programs, [[X], [X[:4]]], core="host", rounds=8, conditions=ONCE
        )
    assert (len(before.samples_ms), len(now.samples_ms)) == (8, 8)
    assert before.watch is now.watch
    assert len(now.watch.turns) == 3
