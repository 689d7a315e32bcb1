"""Whether a program is slower than another, by rounds in each of which both were timed: ratio, test, floor.

The clock of a device drifts, and other work makes outliers. A round is short beside a drift, which so falls
out of the ratio of its two times; medians and ranks do not see outliers. Slower is what is slower in three
ways: by the median of the ratios, past a threshold; by ranks, in a one-sided Mann-Whitney test; and by more
milliseconds than a floor. Where the ratio cannot be known as exactly as the threshold needs, nothing is said,
unless it is certain that the difference is under the floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np

# The least that counts of a latency, whatever the ratio.
FLOOR_MS = 0.05
# What chance alone may make "slower" by ranks.
SIGNIFICANCE = 0.005
# The interval in which the ratio, or the difference, lies with so much confidence must reach no further than
# the threshold, or the floor.
CONFIDENCE = 0.95
# How far the clock may move from the first third of the rounds to the last, if the threshold is not further.
MOST_DRIFT = 0.10
# The rounds whose median is the drift in the middle one.
WINDOW = 5
# Fewer tell nothing.
FEWEST_ROUNDS = 10

# The standard deviation of normally distributed numbers by their median absolute deviation, and the standard
# error of their median by that of their mean.
_OF_DEVIATION = 1.4826
_OF_MEDIAN = 1.2533


@dataclass(frozen=True)
class PairedTimes:
    """The times of two programs in milliseconds, a pair for each round, in the order of the rounds.

    `threshold` is a ratio: at 1.03, more than three percent are too much, if they are more than `floor_ms`.
    """

    before_ms: Sequence[float]
    now_ms: Sequence[float]
    threshold: float
    floor_ms: float = FLOOR_MS

    @property
    def ratio(self) -> float:
        """How many times as long it takes now, by the median of the rounds."""
        return float(np.exp(np.median(self._log_ratios)))

    @property
    def medians_ms(self) -> tuple[float, float]:
        """Before and now."""
        return float(np.median(self.before_ms)), float(np.median(self.now_ms))

    @property
    def difference_ms(self) -> float:
        """How much longer it takes now, by the median of the rounds."""
        return float(np.median(self._differences))

    @property
    def uncertainty(self) -> float:
        """Half of the interval in which the ratio lies, as a part of it, by its spread over the rounds."""
        return float(np.expm1(_half_interval(self._log_ratios)))

    @property
    def is_negligible(self) -> bool:
        """Whether the difference, either way, is certainly less than the floor."""
        return abs(self.difference_ms) + _half_interval(self._differences) <= self.floor_ms

    @cached_property
    def chance(self) -> float:
        """How probable such ranks are if nothing has become slower, the drift that both share left out."""
        from scipy.stats import mannwhitneyu

        before, now = np.log(self.before_ms), np.log(self.now_ms)
        drift = _moving_median((before + now) / 2)
        return float(mannwhitneyu(now - drift, before - drift, alternative="greater").pvalue)

    @property
    def drift(self) -> float:
        """How the times of both moved from the first third of the rounds to the last: 0.1 is ten percent."""
        both = (np.log(self.before_ms) + np.log(self.now_ms)) / 2
        third = len(both) // 3
        return float(np.expm1(np.median(both[-third:]) - np.median(both[:third])))

    @property
    def is_slower(self) -> bool:
        """Whether it takes longer now, if there is no `doubt`."""
        return self._exceeds and self.chance <= SIGNIFICANCE

    @property
    def doubt(self) -> str | None:
        """Why there is no telling; None if there is."""
        rounds, allowed = len(self.before_ms), self.threshold - 1
        if rounds < FEWEST_ROUNDS:
            return f"{rounds} rounds, expected at least {FEWEST_ROUNDS}"
        if abs(self.drift) > max(MOST_DRIFT, allowed):
            return (
                f"both moved by {self.drift:+.0%} from the first rounds to the last: the device is warm, "
                "or its clock has changed"
            )
        if self.is_negligible:
            return None
        if self.uncertainty > allowed:
            return (
                f"{rounds} rounds tell the ratio to {self.uncertainty:.1%}, and the threshold is "
                f"{allowed:.1%}: stop what else runs there, or take more rounds"
            )
        if self._exceeds and not self.is_slower:
            return f"slower, but by chance with a probability of {self.chance:.1%}: take more rounds"
        return None

    def to_json(self) -> dict[str, Any]:
        """What the times tell, as plain numbers."""
        return {
            "threshold": self.threshold,
            "floor_ms": self.floor_ms,
            "ratio": round(self.ratio, 4),
            "uncertainty": round(self.uncertainty, 4),
            "probability_of_chance": self.chance,
            "drift": round(self.drift, 4),
        }

    @property
    def _exceeds(self) -> bool:
        return self.ratio > self.threshold and self.difference_ms > self.floor_ms

    @property
    def _log_ratios(self) -> np.ndarray:
        return np.log(self.now_ms) - np.log(self.before_ms)

    @property
    def _differences(self) -> np.ndarray:
        return np.subtract(self.now_ms, self.before_ms)


def _half_interval(values: np.ndarray) -> float:
    """Half of the interval in which the median of what `values` are samples of lies, by their spread."""
    spread = _OF_DEVIATION * np.median(np.abs(values - np.median(values)))
    deviations = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    return float(deviations * _OF_MEDIAN * spread / np.sqrt(len(values)))


def _moving_median(values: np.ndarray) -> np.ndarray:
    """The median of WINDOW values around each, of fewer at the ends."""
    reach = WINDOW // 2
    around = (values[max(0, at - reach) : at + reach + 1] for at in range(len(values)))
    return np.array([np.median(some) for some in around])
