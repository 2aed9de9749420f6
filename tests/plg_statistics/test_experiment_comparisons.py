"""What is said of two samples holds as often as it claims: simulated, and against statsmodels."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import proportion_effectsize

from plg_statistics.comparisons import (
    Sample,
    always_valid_p,
    compare,
    cuped,
    holm,
    power_of,
    prob_to_beat,
    sample_ratio_p,
    sample_size,
)
from plg_statistics.experiments import evaluate
from tests.plg_statistics.experiment_samples import (
    of_values,
    proportion,
    statistics,
    statistics_row,
)

EXPERIMENTS = 500


def test_500_null_experiments_are_called_significant_at_5_percent_in_3_to_7_percent():
    """Through the whole evaluation, half of them proportions and half skewed means."""
    chance = np.random.default_rng(1)
    rows = []
    for i in range(EXPERIMENTS):
        kind = ("proportion", "mean")[i % 2]
        for variant in ("control", "b"):
            if kind == "proportion":
                sample = proportion(int(chance.binomial(1_000, 0.12)), 1_000)
            else:
                sample = of_values(chance.exponential(20.0, 400))
            rows.append(statistics_row(variant, sample, experiment_key=f"e{i:03d}", kind=kind))
    found = evaluate(statistics(*rows), "h").to_pylist()
    tested = [row for row in found if not row["is_control"]]
    assert len(tested) == EXPERIMENTS
    for p_value in ("p_value", "adjusted_p"):
        rate = sum(row[p_value] < 0.05 for row in tested) / EXPERIMENTS
        assert 0.03 <= rate <= 0.07
    # an interval that excludes zero says the same as the p
    excluding = sum(row["absolute_ci_low"] * row["absolute_ci_high"] > 0 for row in tested)
    assert 0.03 <= excluding / EXPERIMENTS <= 0.07


@pytest.mark.parametrize("kind", ["proportion", "mean"])
def test_in_the_long_run_the_error_is_5_percent(kind):
    chance, runs, wrong = np.random.default_rng(14), 3_000, 0
    for _ in range(runs):
        one, other = (
            proportion(int(chance.binomial(1_000, 0.12)), 1_000)
            if kind == "proportion"
            else of_values(chance.exponential(20.0, 200))
            for _ in range(2)
        )
        wrong += compare(one, other, kind).p_value < 0.05
    assert 0.04 <= wrong / runs <= 0.06


@pytest.mark.parametrize(
    ("base", "lift", "n"), [(0.05, 0.4, 2_000), (0.3, 0.1, 600), (0.3, 0.0, 250), (0.8, -0.1, 300)]
)
def test_intervals_of_proportions_cover_a_planted_lift_in_92_to_98_percent(base, lift, n):
    chance = np.random.default_rng(2)
    absolute = relative = 0
    for _ in range(EXPERIMENTS):
        found = compare(
            proportion(int(chance.binomial(n, base * (1 + lift))), n),
            proportion(int(chance.binomial(n, base)), n),
            "proportion",
        )
        absolute += found.absolute_low <= base * lift <= found.absolute_high
        assert found.low is not None and found.high is not None
        relative += found.low <= lift <= found.high
    assert 0.92 <= absolute / EXPERIMENTS <= 0.98
    assert 0.92 <= relative / EXPERIMENTS <= 0.98


@pytest.mark.parametrize(
    ("lift", "sizes"), [(0.0, (300, 300)), (0.2, (300, 300)), (0.5, (150, 600))]
)
def test_intervals_of_skewed_means_cover_a_planted_lift_in_92_to_98_percent(lift, sizes):
    chance = np.random.default_rng(3)
    absolute = relative = 0
    for _ in range(EXPERIMENTS):
        found = compare(
            of_values(chance.exponential(10 * (1 + lift), sizes[0])),
            of_values(chance.exponential(10.0, sizes[1])),
            "mean",
        )
        absolute += found.absolute_low <= 10 * lift <= found.absolute_high
        assert found.low is not None and found.high is not None
        relative += found.low <= lift <= found.high
    assert 0.92 <= absolute / EXPERIMENTS <= 0.98
    assert 0.92 <= relative / EXPERIMENTS <= 0.98


@pytest.mark.parametrize("size", [90, 300])
def test_the_relative_interval_of_rare_counts_covers_and_says_what_the_p_says(size):
    """Most units have none: invitations, revenue of few payers."""
    chance = np.random.default_rng(31)
    covered = contradicting = significant = 0
    for _ in range(EXPERIMENTS):
        control, variant = (
            of_values(chance.binomial(1, 0.3, size) * chance.poisson(2.0 * (1 + lift), size))
            for lift in (0.0, 0.8)
        )
        found = compare(variant, control, "mean")
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.8 <= found.high
        if found.p_value < 0.05:
            significant += 1
            contradicting += found.low <= 0 <= found.high
    assert 0.92 <= covered / EXPERIMENTS <= 0.98
    assert contradicting <= 0.05 * significant


DAYS, RUNS = 60, 2_000


def daily_proportions(chance, base: float, lift: float = 0.0):
    """(difference, standard error, tau) by run and day, pooled as the evaluation pools."""
    a_day = 40
    n = a_day * np.arange(1, DAYS + 1)
    control = chance.binomial(a_day, base, (RUNS, DAYS)).cumsum(axis=1)
    variant = chance.binomial(a_day, base * (1 + lift), (RUNS, DAYS)).cumsum(axis=1)
    pooled = (control + variant) / (2 * n)
    error = np.sqrt(pooled * (1 - pooled) * 2 / n)
    enough = (control + variant >= 10) & (2 * n - control - variant >= 10) & (n >= 30)
    return (variant - control) / n, np.where(enough, error, 0.0), 0.2 * control / n


@pytest.mark.parametrize("base", [0.05, 0.3, 0.75])
def test_looking_every_day_keeps_the_error_of_the_always_valid_p_at_5_percent(base):
    difference, error, tau = daily_proportions(np.random.default_rng(4), base)
    always = always_valid_p(difference, error, tau)
    assert (always.min(axis=1) <= 0.05).mean() <= 0.05
    # what it is for: the ordinary p, looked at as often, errs several times as often
    with np.errstate(divide="ignore", invalid="ignore"):
        ordinary = 2 * stats.norm.sf(np.abs(difference / error))
    assert (ordinary[:, 1:].min(axis=1) < 0.05).mean() > 0.15


def test_looking_every_day_at_means_keeps_the_error_at_5_percent():
    chance = np.random.default_rng(5)
    a_day, runs = 20, 1_000
    n = a_day * np.arange(1, DAYS + 1)
    sums = []
    for _ in range(2):
        values = chance.exponential(10.0, (runs, DAYS, a_day))
        total, squares = values.sum(axis=2).cumsum(axis=1), (values**2).sum(axis=2).cumsum(axis=1)
        sums.append((total / n, (squares - total**2 / n) / (n - 1)))
    (control, control_variance), (variant, variant_variance) = sums
    error = np.where(n >= 30, np.sqrt((control_variance + variant_variance) / n), 0.0)
    always = always_valid_p(variant - control, error, 0.2 * control)
    assert (always.min(axis=1) <= 0.05).mean() <= 0.05


def test_the_always_valid_p_finds_an_effect_that_is_there():
    difference, error, tau = daily_proportions(np.random.default_rng(6), 0.3, lift=0.25)
    always = always_valid_p(difference, error, tau)
    assert (always.min(axis=1) <= 0.05).mean() > 0.9


def test_the_evaluation_uses_the_always_valid_p_that_was_simulated():
    control, variant = proportion(60, 400), proportion(85, 400)
    pooled = 145 / 800
    error = math.sqrt(pooled * (1 - pooled) * 2 / 400)
    expected = float(always_valid_p(25 / 400, error, 0.2 * 60 / 400))
    table = statistics(statistics_row("control", control), statistics_row("b", variant))
    (row,) = (r for r in evaluate(table, "h").to_pylist() if not r["is_control"])
    assert row["always_valid_p"] == pytest.approx(expected)
    assert 0 < expected < 1


def test_a_sample_ratio_mismatch_is_caught_and_a_fair_split_is_not():
    chance = np.random.default_rng(7)
    fair = [sample_ratio_p([k, 4_000 - k], [1, 1]) for k in chance.binomial(4_000, 0.5, 2_000)]
    skewed = [sample_ratio_p([k, 4_000 - k], [1, 1]) for k in chance.binomial(4_000, 0.45, 500)]
    uneven = [sample_ratio_p([k, 4_000 - k], [0.2, 0.8]) for k in chance.binomial(4_000, 0.2, 500)]
    assert sum(p < 0.001 for p in fair) <= 8
    assert 0.03 <= sum(p < 0.05 for p in fair) / 2_000 <= 0.07
    assert sum(p < 0.001 for p in skewed) >= 490
    assert sum(p < 0.001 for p in uneven) <= 4
    assert sample_ratio_p([5], [1.0]) is None
    assert sample_ratio_p([0, 0], [0.5, 0.5]) is None


GRID = list(
    itertools.product(
        (0.01, 0.03, 0.1, 0.35, 0.5),
        (-0.3, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9),
        (0.05, 0.01),
        (0.8, 0.9),
    )
)


def test_sample_sizes_of_proportions_equal_statsmodels_to_the_unit():
    for base, effect, alpha, power in GRID:
        size = proportion_effectsize(base * (1 + effect), base)
        theirs = NormalIndPower().solve_power(
            effect_size=size, alpha=alpha, power=power, ratio=1.0, alternative="two-sided"
        )
        ours = sample_size(base, effect, alpha, power)
        assert ours == math.ceil(theirs)
        # and the textbook's 2 (z + z)² / h² nearly the same: it leaves the other tail out
        z = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
        assert ours == pytest.approx(2 * (z / size) ** 2, rel=1e-3, abs=1)


def test_sample_sizes_of_means_equal_statsmodels_to_the_unit():
    for (base, effect, alpha, power), deviation in itertools.product(GRID[::3], (0.5, 1.0)):
        theirs = TTestIndPower().solve_power(
            effect_size=abs(base * effect / deviation), alpha=alpha, power=power, ratio=1.0
        )
        ours = sample_size(base, effect, alpha, power, deviation)
        assert ours == max(2, math.ceil(float(np.squeeze(theirs))))


def test_a_planned_sample_shows_the_effect_as_often_as_planned():
    chance, runs = np.random.default_rng(8), 4_000
    n = sample_size(0.1, 0.3)
    control, variant = chance.binomial(n, 0.1, runs), chance.binomial(n, 0.13, runs)
    pooled = (control + variant) / (2 * n)
    z = (variant - control) / n / np.sqrt(pooled * (1 - pooled) * 2 / n)
    shown = (2 * stats.norm.sf(np.abs(z)) < 0.05).mean()
    assert 0.78 <= shown <= 0.82
    assert power_of(n, n, 0.1, 0.3) == pytest.approx(0.8, abs=0.001)


@pytest.mark.parametrize(("base", "effect"), [(0.0, 0.1), (0.6, 0.9), (1.2, 0.1)])
def test_an_impossible_plan_is_refused_with_what_to_do(base, effect):
    with pytest.raises(ValueError, match="choose a smaller effect"):
        sample_size(base, effect)


def test_an_effect_nobody_could_overlook_needs_two_units():
    assert sample_size(10.0, 5.0, deviation=0.01) == 2


def test_holms_correction_is_that_of_statsmodels():
    chance = np.random.default_rng(13)
    for size in (1, 2, 3, 10):
        p_values = chance.random(size).round(2).tolist()
        assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


def test_cuped_takes_out_what_the_past_explains_and_stays_unbiased():
    chance, n, lift = np.random.default_rng(9), 400, 1.5
    plain, adjusted, reductions, covered = [], [], [], 0
    for _ in range(EXPERIMENTS):
        samples = []
        for effect in (0.0, lift):
            habit = chance.gamma(2.0, 5.0, n)
            before = chance.poisson(habit).astype(float)
            samples.append(of_values(chance.poisson(habit) + effect, before))
        by_past = cuped(samples)
        assert by_past is not None
        plain.append(samples[1].mean - samples[0].mean)
        adjusted.append(by_past[1].mean - by_past[0].mean)
        reductions.append(1 - by_past[1].variance / samples[1].variance)
        found = compare(by_past[1], by_past[0], "mean")
        covered += found.absolute_low <= lift <= found.absolute_high
    # Var(habit) = 50, Var(count) = 60: correlation 5/6, so 1 - (5/6)² of the variance is left
    assert np.mean(reductions) == pytest.approx((5 / 6) ** 2, abs=0.03)
    assert np.var(adjusted) < 0.45 * np.var(plain)
    assert np.mean(adjusted) == pytest.approx(lift, abs=3 * np.std(adjusted) / EXPERIMENTS**0.5)
    assert 0.92 <= covered / EXPERIMENTS <= 0.98


def test_cuped_agrees_with_the_same_done_unit_by_unit():
    chance = np.random.default_rng(10)
    before = [chance.gamma(2.0, 5.0, n) for n in (40, 70)]
    values = [b + chance.normal(size=len(b)) for b in before]
    samples = [of_values(v, b) for v, b in zip(values, before, strict=True)]
    centred = [(v - v.mean(), b - b.mean()) for v, b in zip(values, before, strict=True)]
    theta = sum((v * b).sum() for v, b in centred) / sum((b * b).sum() for _, b in centred)
    overall = np.concatenate(before).mean()
    by_past = cuped(samples)
    assert by_past is not None
    for sample, v, b in zip(by_past, values, before, strict=True):
        units = v - theta * (b - overall)
        assert sample.mean == pytest.approx(units.mean())
        assert sample.variance == pytest.approx(units.var(ddof=1))


@pytest.mark.parametrize("past", [{}, {"pre_mean": 0.0, "pre_variance": 0.0, "covariance": 0.0}])
def test_without_a_past_there_is_no_cuped(past):
    assert cuped([Sample(10, 1.0, 1.0, **past), Sample(10, 1.0, 1.0, **past)]) is None


def test_probability_to_beat_control_is_the_posterior_one():
    variant, control = proportion(9, 20), proportion(5, 20)
    draws = np.random.default_rng(11)
    simulated = (draws.beta(10, 12, 400_000) > draws.beta(6, 16, 400_000)).mean()
    assert prob_to_beat(variant, control, "proportion") == pytest.approx(simulated, abs=0.003)
    forth, back = (
        prob_to_beat(variant, control, "proportion"),
        prob_to_beat(control, variant, "proportion"),
    )
    assert forth + back == pytest.approx(1, abs=1e-3)
    means = Sample(100, 12.0, 25.0), Sample(100, 11.0, 25.0)
    assert prob_to_beat(*means, "mean") == pytest.approx(stats.norm.cdf(2**0.5))


def test_an_interval_always_holds_its_own_estimate():
    for variant, control in ((0, 1), (0, 40), (1, 2), (30, 1), (50, 50), (50, 1)):
        found = compare(proportion(variant, 50), proportion(control, 50), "proportion")
        assert found.absolute_low <= found.absolute_lift <= found.absolute_high
        assert found.lift is not None and found.low is not None and found.high is not None
        assert found.low <= found.lift <= found.high


def test_two_samples_without_any_variance_differ_or_do_not():
    same = compare(Sample(5, 0.0, 0.0), Sample(7, 0.0, 0.0), "mean")
    assert (same.p_value, same.absolute_low, same.absolute_high) == (1.0, 0.0, 0.0)
    none = compare(proportion(0, 50), proportion(0, 60), "proportion")
    assert none.p_value == 1.0 and none.lift is None
    assert none.absolute_low < 0 < none.absolute_high
    with pytest.raises(ValueError, match="wait for 2"):
        compare(Sample(1, 0.0, 0.0), Sample(7, 0.0, 0.0), "mean")


def test_the_tests_are_those_of_scipy():
    chance = np.random.default_rng(12)
    one, other = chance.exponential(3.0, 50), chance.exponential(4.0, 80)
    found = compare(of_values(one), of_values(other), "mean")
    theirs = stats.ttest_ind(one, other, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert (found.absolute_low, found.absolute_high) == pytest.approx((interval.low, interval.high))
    table = compare(proportion(30, 200), proportion(50, 210), "proportion")
    square = stats.chi2_contingency([[30, 170], [50, 160]], correction=False)
    assert table.p_value == pytest.approx(square.pvalue)
