"""Intervals of rates whose observations come in clusters: days of one account are no strangers.

Whole clusters are drawn with replacement (D. A. Field, A. H. Welsh, "Bootstrapping clustered
data", JRSS B 69, 2007): a resample is a count for every cluster, so all figures of all resamples
are one product of matrices. Seeded: the same rows give the same interval.

Percentile intervals of a handful of successes are too narrow, and of none they are a point.
Where fewer than `FEW` lie on either side of a rate, it has Wilson's interval instead, on the
number of clusters rather than of observations.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.stats import norm

FEW = 10
CELLS_AT_ONCE = 4_000_000  # counts of resamples held in memory together


class Clusters:
    """The clusters of some observations, and resamples of them.

    `labels`: a cluster for each observation, of any type that sorts.
    """

    def __init__(self, labels: np.ndarray, rounds: int, seed: int = 0):
        self.of_row = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        self.count = int(self.of_row.max()) + 1 if len(labels) else 0
        self.rounds = rounds
        self._seed = seed
        rows = len(labels)
        self._sums = sparse.csr_array(
            (np.ones(rows), (self.of_row, np.arange(rows))), shape=(self.count, rows)
        )

    def totals(self, values: np.ndarray) -> np.ndarray:
        """(cluster, column) from (observation, column): summed."""
        return self._sums @ np.asarray(values, dtype=float)

    def holding(self, selected: np.ndarray) -> np.ndarray:
        """How many clusters have an observation among the selected, for each column."""
        return (self.totals(selected) > 0).sum(axis=0)

    @cached_property
    def _counts(self) -> list[np.ndarray]:
        """Drawn once; a cluster is hardly ever drawn 255 times."""
        chance = np.random.default_rng(self._seed)
        step = max(1, CELLS_AT_ONCE // max(self.count, 1))
        even = np.full(self.count, 1 / max(self.count, 1))
        return [
            np.minimum(
                chance.multinomial(self.count, even, size=min(step, self.rounds - first)), 255
            ).astype(np.uint8)
            for first in range(0, self.rounds, step)
        ]

    def draws(self) -> Iterator[np.ndarray]:
        """How often each cluster was drawn: (some rounds, cluster), until all rounds are done."""
        for counts in self._counts:
            yield counts.astype(np.float32)

    def resampled(self, values: np.ndarray) -> np.ndarray:
        """(round, column): the columns' sums in every resample."""
        if not self.count:
            return np.zeros((self.rounds, np.shape(values)[1]))
        totals = self.totals(values).astype(np.float32)  # whole numbers up to 16 million are exact
        return np.concatenate([draw @ totals for draw in self.draws()]).astype(float)


def quantiles(resampled: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of each column; NaN where a resample in ten has no figure."""
    alpha = 1 - confidence
    known = np.isfinite(resampled)
    ends = np.full((2, resampled.shape[1]), np.nan)
    for column in np.flatnonzero(known.mean(axis=0) >= 0.9):
        values = resampled[known[:, column], column]
        ends[:, column] = np.quantile(values, [alpha / 2, 1 - alpha / 2])
    return ends[0], ends[1]


def wilson(rate: np.ndarray, n: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """E. B. Wilson, JASA 22 (1927); NaN where nothing was counted."""
    z = norm.ppf(0.5 + confidence / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
        reach = z / (1 + z**2 / n) * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
        low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach, 1)
    # no arithmetic may push an interval off its own estimate
    return np.minimum(low, rate), np.maximum(high, rate)


def rate_intervals(
    successes: np.ndarray,
    trials: np.ndarray,
    clusters: np.ndarray,
    resampled_successes: np.ndarray,
    resampled_trials: np.ndarray,
    confidence: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rate, low, high) of each column; `clusters`: how many stand behind the trials."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(trials > 0, successes / trials, np.nan)
        rates = resampled_successes / resampled_trials
    low, high = quantiles(rates, confidence)
    few = (np.minimum(successes, trials - successes) < FEW) | ~np.isfinite(low)
    few_low, few_high = wilson(rate, np.minimum(trials, clusters), confidence)
    low, high = np.where(few, few_low, low), np.where(few, few_high, high)
    # an interval always holds its own estimate
    return rate, np.fmin(low, rate), np.fmax(high, rate)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Element by element, NaN where the denominator is 0 or unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.true_divide(numerator, denominator)
    return np.where(np.isfinite(found), found, np.nan)
