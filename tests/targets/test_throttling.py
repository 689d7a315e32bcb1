"""Throttling as boards show it, from files as they are on boards, and as a reference shows it."""

import numpy as np
import pytest

from armlet.targets.board_files import parse_board
from armlet.targets.throttling import Turn, taints, throttles

from ..boards.trees import as_read, pi4, pi5, pixel


def board(files):
    return parse_board(as_read(files))


def found(start, shown, references=None, cpus=(0, 1, 2, 3)):
    references = references or [10.0] * len(shown)
    turns = [Turn(None, *each) for each in zip(references, shown, strict=True)]
    return taints(start, turns, cpus)


def test_a_steady_board():
    shown = [board(pi4(celsius=celsius)) for celsius in (52, 61, 70, 79)]
    assert found(board(pi4()), shown, [10.0, 10.2, 9.9, 10.8]) == [None] * 4


def test_a_clock_that_is_held_and_falls():
    shown = [board(pi4(mhz=mhz)) for mhz in (1800, 1790, 1500, 1800)]
    words = "the clock went down from 1800 to 1500 MHz"
    assert found(board(pi4()), shown) == [None, None, words, None]


def test_a_clock_that_rises_taints_what_was_before():
    assert [bool(reason) for reason in found(board(pi4(mhz=1500)), [board(pi4(mhz=1500)), board(pi4())])] == [
        True,
        False,
    ]


def test_a_clock_that_follows_the_work_says_nothing_between_turns():
    shown = [board(pi4(governor="ondemand", mhz=mhz)) for mhz in (1800, 600, 1000)]
    assert found(board(pi4(governor="ondemand", mhz=600)), shown) == [None] * 3


def test_the_limit_of_a_phones_big_core():
    shown = [
        board(pixel()),
        board(pixel(limit=2400)),
        board(pixel(limit=2000)),
    ]
    assert found(board(pixel()), shown, cpus=[7]) == [
        None,
        "the clock went down from 2841 to 2400 MHz",
        "the clock went down from 2841 to 2000 MHz",
    ]
    # It leaves the small ones as they were.
    assert found(board(pixel()), shown, cpus=[0, 1, 2, 3]) == [None] * 3


def test_a_limit_that_is_there_from_the_start_is_no_change():
    assert found(board(pixel(limit=1800)), [board(pixel(limit=1800))] * 2, cpus=[7]) == [None, None]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (pi4(celsius=81), "it has 81 °C, and is slowed down from 80 °C"),
        (pi4(throttled=0xE0008), "the firmware's soft temperature limit is active"),
        (pixel(cooled=2), "thermal-cpufreq-7 cools by lowering the clock"),
        (pi5(celsius=82), "it has 82 °C, and is slowed down from 80 °C"),
    ],
)
def test_what_a_board_shows_taints_its_turn(files, words):
    assert found(board(files), [board(files)]) == [words]
    assert throttles(board(files), [0], None) == words


def test_without_anything_shown_the_reference_tells():
    assert found(None, [None] * 4, [10.0, 10.9, 11.5, 10.0]) == [
        None,
        None,
        "what is the same in all turns took 15% longer than in the fastest",
        None,
    ]


def test_a_board_that_heats_up_is_noticed_by_the_reference_and_noise_is_not():
    # The fastest of ten runs in each of five turns: at 3% noise with outliers; at 25% less clock in the last.
    rng = np.random.default_rng(0)
    alarms = misses = 0
    for _ in range(1000):
        times = 10 * rng.lognormal(sigma=0.03, size=(5, 10)) * np.where(rng.random((5, 10)) < 0.1, 1.5, 1)
        alarms += any(found(None, [None] * 5, [*times.min(axis=1)]))
        times[4] /= 0.75
        misses += not found(None, [None] * 5, [*times.min(axis=1)])[4]
    # A false alarm costs a turn.
    assert alarms < 10
    assert misses == 0
