"""Two samples compared: tests, intervals, sample sizes. Everything from sums, never from rows.

A `Sample` holds what is enough of a variant: how many units, their mean and variance, and for
CUPED the same of the pre-period. Methods are those of statsmodels and scipy wherever they have
them; what is written out here says where it comes from.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_effectsize,
    proportions_ztest,
)

QUANTILES = 1_000  # points of the integral in `prob_to_beat`
_LARGEST_LOG = 50.0  # a reach beyond this says nothing and would overflow


@dataclass(frozen=True)
class Sample:
    """A variant's units: count, mean and sample variance of the metric and of its pre-period."""

    n: int
    mean: float
    variance: float
    pre_mean: float | None = None
    pre_variance: float | None = None
    covariance: float | None = None

    @property
    def count(self) -> int:
        """Of a proportion: how many units have it."""
        return round(self.mean * self.n)


@dataclass(frozen=True)
class Comparison:
    """A variant against its control. `lift` is relative (0.1 is 10 %); None: not defined."""

    absolute_lift: float
    absolute_low: float
    absolute_high: float
    lift: float | None
    low: float | None
    high: float | None
    p_value: float
    standard_error: float


def compare(variant: Sample, control: Sample, kind: str, alpha: float = 0.05) -> Comparison:
    """`kind` proportion or mean; intervals have coverage 1 - `alpha`. Needs n >= 2 in both."""
    if min(variant.n, control.n) < 2:
        raise ValueError(
            f"{variant.n} and {control.n} units cannot be compared; wait for 2 in each variant"
        )
    if kind == "proportion":
        return compare_proportions(variant, control, alpha)
    return compare_means(variant, control, alpha)


def compare_proportions(variant: Sample, control: Sample, alpha: float = 0.05) -> Comparison:
    """Two-proportion z test (pooled); Newcombe's interval of the difference.

    The relative interval is the delta method on the logarithm of the ratio (Katz), with half a
    success added to each side, so that none at all still has an interval; it is widened to the
    estimate where it would not hold it.
    """
    counts, sizes = (variant.count, control.count), (variant.n, control.n)
    difference = counts[0] / sizes[0] - counts[1] / sizes[1]
    pooled = sum(counts) / sum(sizes)
    error = math.sqrt(pooled * (1 - pooled) * (1 / sizes[0] + 1 / sizes[1]))
    p_value = 1.0
    if error > 0:
        p_value = float(proportions_ztest(counts, sizes)[1])
    low, high = confint_proportions_2indep(
        counts[0], sizes[0], counts[1], sizes[1], method="newcomb", compare="diff", alpha=alpha
    )
    lift = relative_low = relative_high = None
    if counts[1]:
        lift = difference / (counts[1] / sizes[1])
        ratios = confint_proportions_2indep(
            counts[0], sizes[0], counts[1], sizes[1],
            method="log-adjusted", compare="ratio", alpha=alpha,
        )  # fmt: skip
        # the halves move the middle: an interval always holds its own estimate
        relative_low = min(float(ratios[0]) - 1, lift)
        relative_high = max(float(ratios[1]) - 1, lift)
    return Comparison(
        difference, float(low), float(high), lift, relative_low, relative_high, p_value, error
    )


def compare_means(variant: Sample, control: Sample, alpha: float = 0.05) -> Comparison:
    """Welch's t test and interval; the relative interval is the delta method on the logarithm of
    the ratio of means, which is less lopsided than the ratio.

    Var(log T - log C) = Var(T)/T² + Var(C)/C² for the independent means T and C of variant and
    control. Where a variant's mean is not positive it has no logarithm, and no relative interval.
    """
    shares = (variant.variance / variant.n, control.variance / control.n)
    difference, error = variant.mean - control.mean, math.sqrt(sum(shares))
    if error == 0:
        p_value, reach = (1.0 if difference == 0 else 0.0), 0.0
    else:
        # Welch-Satterthwaite
        freedom = sum(shares) ** 2 / (
            shares[0] ** 2 / (variant.n - 1) + shares[1] ** 2 / (control.n - 1)
        )
        p_value = float(
            stats.ttest_ind_from_stats(
                variant.mean, math.sqrt(variant.variance), variant.n,
                control.mean, math.sqrt(control.variance), control.n, equal_var=False,
            ).pvalue
        )  # fmt: skip
        reach = float(stats.t.ppf(1 - alpha / 2, freedom))
    lift = low = high = None
    if control.mean > 0:
        lift = difference / control.mean
        if variant.mean > 0:
            log_error = math.sqrt(shares[0] / variant.mean**2 + shares[1] / control.mean**2)
            low, high = (
                math.expm1(math.log1p(lift) + side * min(reach * log_error, _LARGEST_LOG))
                for side in (-1, 1)
            )
    return Comparison(
        difference, difference - reach * error, difference + reach * error,
        lift, low, high, p_value, error,
    )  # fmt: skip


def cuped(samples: Sequence[Sample]) -> list[Sample] | None:
    """The samples with what the pre-period explains taken out; None where it explains nothing.

    Y' = Y - theta (X - mean of X over all variants), theta = Cov(X, Y) / Var(X), pooled within
    variants so that the effect itself does not enter. Deng, Xu, Kohavi, Walker, "Improving the
    Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data", WSDM 2013.
    """
    if any(s.n < 2 or s.covariance is None or not s.pre_variance for s in samples):
        return None
    within = sum((s.n - 1) * (s.pre_variance or 0.0) for s in samples)
    theta = sum((s.n - 1) * (s.covariance or 0.0) for s in samples) / within
    overall = sum(s.n * (s.pre_mean or 0.0) for s in samples) / sum(s.n for s in samples)
    adjusted = []
    for s in samples:
        pre_mean, pre_variance, covariance = s.pre_mean, s.pre_variance, s.covariance
        assert pre_mean is not None and pre_variance is not None and covariance is not None
        variance = s.variance - 2 * theta * covariance + theta**2 * pre_variance
        mean = s.mean - theta * (pre_mean - overall)
        adjusted.append(replace(s, mean=mean, variance=max(variance, 0.0)))
    return adjusted


def always_valid_p(
    difference: float | np.ndarray, standard_error: float | np.ndarray, tau: float | np.ndarray
) -> np.ndarray:
    """A p that may be looked at every day: P(it is ever <= a | no effect) <= a.

    Mixture sequential probability ratio test for a normal difference, the effect under the
    alternative drawn from N(0, tau²): with V the variance of the difference,
    1/p = sqrt(V / (V + tau²)) exp(tau² difference² / (2 V (V + tau²))). `tau` must not follow
    the data: the smallest effect worth acting on is a good choice (the test is quickest for
    effects of that size, and valid for any). Normal approximation: not for a handful of units.
    R. Johari, L. Pekelis, D. Walsh, "Always Valid Inference", Operations Research 70 (2022).
    """
    spread = np.square(np.asarray(standard_error, dtype=float))
    mixing = np.square(np.asarray(tau, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = mixing * np.square(difference) / (2 * spread * (spread + mixing))
        ratio = 0.5 * np.log(spread / (spread + mixing)) + exponent
    p_value = np.exp(-np.maximum(ratio, 0.0))
    return np.where((spread > 0) & (mixing > 0), p_value, 1.0)


def always_valid_reach(standard_error: float, tau: float, alpha: float) -> float:
    """Half the width of the interval that holds the true difference at all looks together with
    probability 1 - `alpha`: the differences `always_valid_p` does not refuse. Endless where the
    spread or `tau` is 0."""
    spread, mixing = standard_error**2, tau**2
    if spread <= 0 or mixing <= 0:
        return math.inf
    together = spread + mixing
    return math.sqrt(
        spread * together / mixing * (math.log(together / spread) + 2 * math.log(1 / alpha))
    )


def prob_to_beat(variant: Sample, control: Sample, kind: str) -> float:
    """Posterior probability that the variant's true value is above the control's.

    Proportions: Beta(1, 1) priors, integrated over the variant's quantiles. Means: flat priors
    and the normal approximation.
    """
    if kind == "proportion":
        places = (np.arange(QUANTILES) + 0.5) / QUANTILES
        values = stats.beta.ppf(places, 1 + variant.count, 1 + variant.n - variant.count)
        below = stats.beta.cdf(values, 1 + control.count, 1 + control.n - control.count)
        return float(below.mean())
    error = math.sqrt(variant.variance / variant.n + control.variance / control.n)
    if error == 0:
        return 0.5 if variant.mean == control.mean else float(variant.mean > control.mean)
    return float(stats.norm.cdf((variant.mean - control.mean) / error))


def sample_ratio_p(counts: Sequence[int], planned: Sequence[float]) -> float | None:
    """Chi-square p of the counts under the planned split; None for one variant or no unit."""
    total, shares = sum(counts), sum(planned)
    if total == 0 or len(counts) < 2:
        return None
    expected = [total * share / shares for share in planned]
    return float(stats.chisquare(counts, expected).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values: the family's error stays below alpha.

    Written out because statsmodels' `multipletests` collects garbage on every call, which takes
    0.1 s in a process as large as ours; a test holds the two equal.
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values)
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted.tolist()


def effect_size(baseline: float, minimum_effect: float, deviation: float | None = None) -> float:
    """The relative effect in the unit of power analysis.

    Of a proportion (no `deviation`) Cohen's h, 2 asin sqrt(p₁) - 2 asin sqrt(p₀) with
    p₁ = baseline (1 + effect); of a mean Cohen's d, baseline x effect / standard deviation.
    Raises ValueError where p₁ leaves 0 to 1.
    """
    if deviation is not None:
        return baseline * minimum_effect / deviation
    target = baseline * (1 + minimum_effect)
    if not 0 < baseline < 1 or not 0 <= target <= 1:
        raise ValueError(
            f"a baseline of {baseline} and an effect of {minimum_effect:+} lead to {target}; "
            "both proportions must lie between 0 and 1: choose a smaller effect"
        )
    return float(proportion_effectsize(target, baseline))


def sample_size(
    baseline: float, minimum_effect: float, alpha: float = 0.05, power: float = 0.8,
    deviation: float | None = None,
) -> int:  # fmt: skip
    """Units each variant needs (equal sizes, two-sided), rounded up.

    `minimum_effect` is relative to the `baseline`. Proportions by statsmodels' NormalIndPower,
    means (`deviation`: standard deviation of a unit) by its TTestIndPower.
    """
    size = effect_size(baseline, minimum_effect, deviation)
    if size == 0:
        raise ValueError("an effect of 0 needs endless units; name the smallest worth acting on")
    method = NormalIndPower() if deviation is None else TTestIndPower()
    found = method.solve_power(effect_size=abs(size), alpha=alpha, power=power, ratio=1.0)
    units = float(np.squeeze(found))
    # an effect so large that two units are more than enough has no solution
    return 2 if math.isnan(units) else max(2, math.ceil(units))


def power_of(
    n_variant: int, n_control: int, baseline: float, minimum_effect: float, alpha: float = 0.05,
    deviation: float | None = None,
) -> float:  # fmt: skip
    """Chance that samples of these sizes show the relative effect, were it true."""
    size = effect_size(baseline, minimum_effect, deviation)
    method = NormalIndPower() if deviation is None else TTestIndPower()
    found = method.power(abs(size), n_control, alpha, ratio=n_variant / n_control)
    return float(np.squeeze(found))
