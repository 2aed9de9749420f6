"""Verdicts and decisions: what follows from what was measured, and why."""

import numpy as np
import pytest

from plg_statistics.comparisons import Sample
from plg_statistics.experiments import evaluate
from plg_statistics.experiments_input import RESULTS, STATISTICS, no_results
from plg_statistics.fingerprints import fingerprint
from tests.plg_statistics.experiment_samples import (
    of_values,
    proportion,
    statistics,
    statistics_row,
)


def results(*rows):
    """(variant, metric) → result row"""
    found = evaluate(statistics(*rows), "hash")
    assert found.schema == RESULTS
    return {(row["variant"], row["metric"]): row for row in found.to_pylist()}


def decision(*rows, variant="b"):
    row = results(*rows)[variant, "m"]
    return row["decision"], row["reason"]


def pair(control: Sample | None, variant: Sample | None, **changes):
    return [
        statistics_row("control", control, **changes),
        statistics_row("b", variant, **changes),
    ]


def guard(control: Sample, variant: Sample, **changes):
    plan = {"metric": "g", "role": "guardrail", "direction": "decrease", "margin": 0.03}
    return pair(control, variant, **(plan | changes))


BETTER = pair(proportion(100, 1_000), proportion(150, 1_000))


def test_a_better_primary_ships():
    row = results(*BETTER)["b", "m"]
    assert (row["verdict"], row["decision"]) == ("better", "ship")
    assert row["lift"] == pytest.approx(0.5)
    assert row["absolute_lift"] == pytest.approx(0.05)
    assert (row["numerator"], row["denominator"], row["n"]) == (150, 1_000, 1_000)
    assert row["reason"].startswith("m +50.0 % (95 % interval ")
    control = results(*BETTER)["control", "m"]
    assert control["decision"] == "ship"
    assert control["reason"].startswith("b: m +50.0 %")
    assert control["p_value"] is None and control["verdict"] is None


def test_a_rise_of_what_should_fall_stops():
    rows = pair(proportion(100, 1_000), proportion(150, 1_000), direction="decrease")
    found = results(*rows)["b", "m"]
    assert (found["verdict"], found["decision"]) == ("worse", "stop")
    assert found["prob_to_beat_control"] < 0.01


def test_lost_exposures_make_everything_invalid():
    rows = pair(proportion(100, 1_000), proportion(180, 1_200))
    found = results(*rows)
    assert {row["decision"] for row in found.values()} == {"invalid"}
    assert found["b", "m"]["srm_p_value"] < 0.001
    # units whose window is open count for the split
    even = [row | {"count_units": 1_300} for row in rows]
    assert results(*even)["b", "m"]["srm_p_value"] == 1.0
    assert results(*even)["b", "m"]["count_immature"] == 100


def test_a_planned_split_of_one_to_three_is_no_mismatch():
    rows = [
        statistics_row("control", proportion(30, 300), planned_share=0.25),
        statistics_row("b", proportion(90, 900), planned_share=0.75),
    ]
    assert results(*rows)["b", "m"]["srm_p_value"] == 1.0


@pytest.mark.parametrize(
    ("control", "variant", "verdict", "decided"),
    [
        (proportion(50, 1_000), proportion(50, 1_000), "passed", "ship"),
        # somewhat more, and surely less than the margin
        (proportion(500, 10_000), proportion(600, 10_000), "passed", "ship"),
        (proportion(50, 1_000), proportion(95, 1_000), "failed", "stop"),
        (proportion(50, 1_000), proportion(65, 1_000), "inconclusive", "stop"),
    ],
)
def test_a_variant_ships_only_when_its_guardrails_are_shown_to_hold(
    control, variant, verdict, decided
):
    found = results(*BETTER, *guard(control, variant))
    assert found["b", "g"]["verdict"] == verdict
    assert {found["b", m]["decision"] for m in ("m", "g")} == {decided}


def test_while_it_runs_an_open_guardrail_asks_for_more():
    open_guard = guard(proportion(50, 1_000), proportion(65, 1_000), is_running=True)
    running = [row | {"is_running": True} for row in BETTER]
    assert decision(*running, *open_guard)[0] == "keep running"
    assert "g is not shown safe yet" in decision(*running, *open_guard)[1]


def test_before_the_planned_sample_only_the_always_valid_p_decides():
    samples = proportion(100, 1_000), proportion(128, 1_000)
    running, over = (pair(*samples, is_running=is_running) for is_running in (True, False))
    early, late = results(*running)["b", "m"], results(*over)["b", "m"]
    assert early["p_value"] == late["p_value"] < 0.05 < early["always_valid_p"]
    assert (early["verdict"], early["decision"]) == ("undecided", "keep running")
    assert f"{early['sample_needed']} more units needed" in early["reason"]
    assert early["sample_needed"] == early["sample_size"] - 1_000 > 0
    assert (late["verdict"], late["decision"]) == ("better", "ship")


def test_with_the_planned_sample_and_no_difference_it_ends_with_its_end_date():
    samples = proportion(1_000, 10_000), proportion(1_010, 10_000)
    found = results(*pair(*samples, is_running=True))["b", "m"]
    assert (found["verdict"], found["decision"]) == ("undecided", "keep running")
    assert "give the experiment an end date" in found["reason"]
    found = results(*pair(*samples, is_running=False))["b", "m"]
    assert (found["verdict"], found["decision"]) == ("no_difference", "stop")
    assert found["sample_needed"] == 0 and found["power"] > 0.8
    assert "an effect of 20 % would most likely have shown" in found["reason"]


def test_looked_at_every_night_a_variant_without_effect_is_hardly_ever_shipped_or_stopped():
    """The decision itself, primary and guardrail, at every look of experiments long past their
    planned sample."""
    chance, runs, looks, a_look = np.random.default_rng(21), 60, 8, 225
    tables = []
    for run in range(runs):
        hits = chance.binomial(a_look, 0.6, (4, looks)).cumsum(axis=1)
        for look in range(looks):
            n = a_look * (look + 1)
            control, variant, safe, guarded = (proportion(int(h[look]), n) for h in hits)
            changes = {"experiment_key": f"e{run}_{look}", "is_running": True}
            tables += pair(control, variant, **changes)
            tables += guard(safe, guarded, **changes)
    found = evaluate(statistics(*tables), "h").to_pylist()
    primary = [row for row in found if row["metric"] == "m" and not row["is_control"]]
    guards = [row for row in found if row["metric"] == "g" and not row["is_control"]]
    runs_of = lambda rows: {row["experiment_key"].split("_")[0] for row in rows}  # noqa: E731
    assert max(row["n"] for row in primary) > max(row["sample_size"] for row in primary)
    assert len(runs_of(r for r in primary if r["verdict"] in ("better", "worse"))) <= 0.05 * runs
    assert len(runs_of(r for r in guards if r["verdict"] == "failed")) <= 0.05 * runs
    assert len(runs_of(r for r in primary if r["p_value"] < 0.05)) > 0.15 * runs, "looks do harm"


def test_over_without_the_sample_is_over_without_an_answer():
    found = results(*pair(proportion(10, 100), proportion(12, 100)))["b", "m"]
    assert (found["verdict"], found["decision"]) == ("no_difference", "stop")
    assert "without an answer" in found["reason"]


def test_an_ended_experiment_with_open_windows_is_not_over():
    rows = [
        row | {"count_units": 1_050} for row in pair(proportion(100, 1_000), proportion(125, 1_000))
    ]
    assert results(*rows)["b", "m"]["verdict"] == "undecided"


def test_several_variants_are_corrected_together_by_holm():
    rows = [
        statistics_row("control", proportion(100, 1_000)),
        statistics_row("b", proportion(128, 1_000)),
        statistics_row("c", proportion(150, 1_000)),
    ]
    rows = [row | {"planned_share": 1 / 3} for row in rows]
    found = results(*rows)
    low, high = found["c", "m"], found["b", "m"]
    assert low["adjusted_p"] == pytest.approx(2 * low["p_value"])
    assert high["adjusted_p"] == pytest.approx(max(high["p_value"], 2 * low["p_value"]))
    assert low["adjusted_always_valid_p"] == pytest.approx(2 * low["always_valid_p"])


def test_secondary_metrics_are_corrected_together_and_decide_nothing():
    rows = pair(proportion(100, 1_000), proportion(101, 1_000))
    for metric, successes in (("s1", 130), ("s2", 133), ("s3", 100)):
        rows += pair(
            proportion(100, 1_000), proportion(successes, 1_000), metric=metric, role="secondary"
        )
    found = results(*rows)
    p1, p2 = (found["b", m]["p_value"] for m in ("s1", "s2"))
    assert found["b", "s1"]["adjusted_p"] == pytest.approx(min(p1 * 3 / 2, 1))
    assert found["b", "s2"]["adjusted_p"] == pytest.approx(min(p2 * 3, p1 * 3 / 2))
    assert found["b", "m"]["decision"] == "stop"


def test_a_null_family_of_five_variants_errs_in_5_percent_of_experiments():
    chance, rows = np.random.default_rng(3), []
    for i in range(200):
        for variant in ("control", "b", "c", "d", "e"):
            sample = proportion(int(chance.binomial(1_000, 0.2)), 1_000)
            rows.append(statistics_row(variant, sample, experiment_key=f"e{i}", planned_share=0.2))
    found = evaluate(statistics(*rows), "h").to_pylist()
    wrong = {row["experiment_key"] for row in found if (row["adjusted_p"] or 1) < 0.05}
    assert len(wrong) <= 20  # 10 expected at most
    naive = {row["experiment_key"] for row in found if (row["p_value"] or 1) < 0.05}
    assert len(naive) > 24


def test_where_there_is_a_past_its_comparison_decides():
    chance = np.random.default_rng(4)
    samples = []
    for effect in (0.0, 1.0):
        habit = chance.gamma(2.0, 10.0, 400)
        samples.append(of_values(habit + chance.normal(size=400) + effect, habit))
    found = results(*pair(*samples, kind="mean"))["b", "m"]
    assert found["cuped_variance_reduction"] > 0.95
    assert found["p_value"] > 0.05 > found["cuped_p_value"] == found["adjusted_p"]
    assert found["cuped_ci_low"] < 1.0 < found["cuped_ci_high"]
    assert found["decision"] == "ship"


def test_nothing_at_all_is_an_empty_table():
    assert evaluate(statistics(), "h") == no_results()


def test_one_variant_has_nothing_to_be_compared_with():
    found = results(statistics_row("control", proportion(10, 100)))["control", "m"]
    assert (found["decision"], found["mean"]) == ("keep running", 0.1)
    assert found["srm_p_value"] is None and found["lift"] is None
    alone = results(statistics_row("b", proportion(10, 100)))["b", "m"]
    assert (alone["decision"], alone["verdict"]) == ("keep running", "no_data")


@pytest.mark.parametrize(
    ("control", "variant"),
    [
        (None, None),
        (proportion(1, 10), None),
        (None, proportion(1, 10)),
        (Sample(1, 1.0, 0.0), None),
    ],
)
def test_an_experiment_just_begun_keeps_running(control, variant):
    rows = pair(control, variant, is_running=True, planned_share=0.5)
    for row in rows:
        row["count_units"] = 10 if control or variant else 0
    found = results(*rows)["b", "m"]
    assert (found["decision"], found["verdict"], found["p_value"]) == (
        "keep running",
        "no_data",
        None,
    )


def test_nobody_converting_anywhere_is_no_difference():
    found = results(*pair(proportion(0, 500), proportion(0, 500)))["b", "m"]
    assert (found["p_value"], found["always_valid_p"], found["lift"]) == (1.0, 1.0, None)
    assert found["sample_size"] is None
    assert found["decision"] == "stop"


def test_an_experiment_without_a_primary_metric_decides_nothing():
    found = results(*guard(proportion(50, 1_000), proportion(50, 1_000)))["b", "g"]
    assert found["decision"] == "keep running"
    assert "No primary metric" in found["reason"]


def test_the_order_of_rows_says_nothing_and_other_numbers_are_another_input():
    assert evaluate(statistics(*BETTER), "h") == evaluate(statistics(*BETTER[::-1]), "h")
    assert statistics(*BETTER).schema == STATISTICS
    changed = [BETTER[0] | {"count_units": 1_001}, BETTER[1]]
    assert fingerprint(statistics(*BETTER)) != fingerprint(statistics(*changed))
