"""Threads that nobody waits for when it is interrupted."""

from os import cpu_count
from threading import Barrier, Event

import pytest

from armlet.threads import side_by_side


def test_an_interruption_waits_for_nothing():
    all_begun, end = Barrier(cpu_count() + 1), Event()

    def work():
        all_begun.wait()
        return end.wait()

    with pytest.raises(KeyboardInterrupt), side_by_side() as pool:
        working = [pool.submit(work) for _ in range(cpu_count())]
        waiting = pool.submit(work)
        all_begun.wait()
        raise KeyboardInterrupt
    assert waiting.cancelled()
    assert not any(each.done() for each in working)
    end.set()
    assert all(each.result(60) for each in working)


def test_results_are_those_of_the_work():
    with side_by_side() as pool:
        assert list(pool.map(abs, range(-3, 3))) == [3, 2, 1, 0, 1, 2]
