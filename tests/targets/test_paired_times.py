"""The verdict on times, on thousands of synthetic runs."""

import numpy as np
import pytest

from armlet.gate.in_turns import LOAD_FLOOR_MS, LOAD_THRESHOLD
from armlet.targets import PairedTimes

ROUNDS, THRESHOLD = 30, 1.03


LOAD = (LOAD_THRESHOLD, LOAD_FLOOR_MS)


def run(random, ratio: float, noise: float, least: float = 20.0, limits=(THRESHOLD,)) -> PairedTimes:
    """Log-normal noise, one time in twenty far too long, and a clock that swings slowly by up to 5%."""
    phase = np.linspace(0, random.uniform(0.5, 2 * np.pi), ROUNDS) + random.uniform(0, 2 * np.pi)
    clock = 1 + random.uniform(0, 0.05) * np.sin(phase)

    def times(latency: float) -> np.ndarray:
        late = np.where(random.random(ROUNDS) < 0.05, random.uniform(1.2, 3, ROUNDS), 1)
        return latency * clock * late * random.lognormal(0, noise, ROUNDS)

    before, now = times(least), times(least * ratio)
    return PairedTimes(before.tolist(), now.tolist(), *limits)


def shares(ratio: float, noise: float, runs: int = 2000, **of_run) -> tuple[float, float]:
    """The parts of the runs that are found slower, and that are inconclusive."""
    random = np.random.default_rng(7)
    paired = [run(random, ratio, noise, **of_run) for _ in range(runs)]
    unclear = [each for each in paired if each.doubt]
    slower = [each for each in paired if not each.doubt and each.is_slower]
    return len(slower) / runs, len(unclear) / runs


@pytest.mark.parametrize("noise", [0.005, 0.02, 0.04, 0.06])
def test_no_change_is_no_alarm(noise):
    slower, unclear = shares(1.0, noise)
    assert slower <= 0.01
    assert noise > 0.02 or unclear <= 0.01


def test_five_percent_are_found_at_two_percent_of_noise():
    slower, _ = shares(1.05, 0.02)
    assert slower >= 0.95


@pytest.mark.parametrize("ratio", [1.0, 1.05])
def test_much_noise_is_inconclusive_whatever_the_change(ratio):
    _, unclear = shares(ratio, 0.15)
    assert unclear >= 0.99


@pytest.mark.parametrize("speed_up", [1 / 1.05, 0.5])
def test_faster_is_never_slower(speed_up):
    assert shares(speed_up, 0.02, runs=200)[0] == 0


@pytest.mark.parametrize(("least", "noise"), [(0.5, 0.1), (2, 0.1), (40, 0.02), (40, 0.1), (40, 0.3)])
def test_loading_that_has_not_changed_is_no_alarm(least, noise):
    slower, unclear = shares(1.0, noise, least=least, limits=LOAD)
    assert slower <= 0.01
    assert unclear <= (0.05 if noise <= 0.1 else 1)


def test_loading_that_takes_half_as_long_again_is_found():
    assert shares(1.5, 0.1, runs=300, least=40, limits=LOAD)[0] >= 0.95
    assert shares(3.0, 0.1, runs=300, least=2, limits=LOAD)[0] >= 0.95


def test_loading_is_inconclusive_where_its_rounds_are_far_apart():
    assert shares(1.0, 0.8, least=40, limits=LOAD)[1] >= 0.95


def steady(before: float, now: float, rounds: int = ROUNDS) -> PairedTimes:
    ripple = 1 + 0.001 * np.sin(np.arange(rounds) * 7)
    return PairedTimes((before * ripple).tolist(), (now * ripple[::-1]).tolist(), THRESHOLD)


def test_ratio_and_floor_and_ranks_are_wanted_together():
    assert steady(20, 21).is_slower
    assert steady(20, 21).ratio == pytest.approx(1.05, abs=1e-3)
    assert not steady(20, 20.5).is_slower
    # Ten percent, but less than the floor.
    assert not steady(0.4, 0.44).is_slower
    assert steady(0.4, 0.44).doubt is None
    assert steady(0.4, 0.44).is_negligible
    assert not steady(20, 21).is_negligible


def test_a_difference_under_the_floor_for_certain_needs_no_ratio():
    random = np.random.default_rng(3)
    before, now = (list(0.2 * random.lognormal(0, 0.15, ROUNDS)) for _ in range(2))
    paired = PairedTimes(before, now, THRESHOLD)
    assert paired.uncertainty > THRESHOLD - 1
    assert (paired.is_negligible, paired.is_slower, paired.doubt) == (True, False, None)
    assert "tell the ratio to" in PairedTimes(before, now, THRESHOLD, floor_ms=0.001).doubt


def test_chance_is_in_doubt():
    # Most rounds are slower, and alike; but the others are as much faster.
    paired = PairedTimes([20.0] * 10, [21.0, 15.0] * 4 + [21.0, 21.0], THRESHOLD)
    assert not paired.is_slower
    assert "slower, but by chance with a probability of" in paired.doubt


def test_a_clock_that_moves_is_in_doubt():
    times = np.linspace(20, 26, ROUNDS)
    paired = PairedTimes(times.tolist(), (1.1 * times).tolist(), THRESHOLD)
    assert "both moved by +" in paired.doubt
    assert "the device is warm" in paired.doubt


def test_few_rounds_are_in_doubt():
    assert "5 rounds, expected at least 10" in steady(20, 25, rounds=5).doubt
