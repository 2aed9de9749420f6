"""The proof of scoring models: against naive counts, on planted causes, and at its edges."""

import random
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable

from plg_statistics.clustered_intervals import Clusters, rate_intervals, wilson
from plg_statistics.pql_backtest import auc, backtest, deciles, held_out_from
from plg_statistics.pql_bias import bias_review
from plg_statistics.pql_criteria import criteria
from plg_statistics.pql_drift import drift, ks, psi
from plg_statistics.pql_proof_input import ProofSettings
from plg_statistics.pql_recalibration import recalibrate
from tests.plg_statistics import naive_pql_proof as naive
from tests.plg_statistics.pql_company import PLANTED, POINTS, observations, tables

QUICK = ProofSettings(bootstrap_rounds=200)
CONFUSION = (
    "n", "true_positives", "false_positives", "false_negatives", "true_negatives",
    "precision", "recall", "false_positive_rate", "lift",
)  # fmt: skip


@pytest.fixture(scope="module")
def company():
    return observations(seed=3)


@pytest.fixture(scope="module")
def proved(company):
    return backtest(company.landmarks, company.thresholds, QUICK).to_pylist()


def row_of(rows, cut, sample="all"):
    (found,) = [row for row in rows if row["cut"] == cut and row["sample"] == sample]
    return found


def in_cut(name: str):
    kind, _, value = name.partition(" ")
    if kind == ">=":
        return lambda row: row["points"] >= float(value)
    if kind == "score":
        return lambda row: row["score_10"] == int(value)
    return lambda row: row["tier"] == name


# ------------------------------------------------------------------ backtest


def test_every_confusion_table_agrees_with_counting_one_by_one(company, proved):
    rows = company.landmarks.to_pylist()
    checked = 0
    for found in proved:
        if found["sample"] != "all" or found["cut_type"] not in ("tier", "threshold", "score_10"):
            continue
        expected = naive.confusion(rows, in_cut(found["cut"]))
        assert {name: found[name] for name in CONFUSION} == pytest.approx(expected), found["cut"]
        checked += 1
    assert checked > 15


def test_deciles_hold_all_who_share_a_score_and_gain_adds_up(company, proved):
    rows = company.landmarks.to_pylist()
    points = [row["points"] for row in rows]
    of_score = {value: naive.decile(points, value) for value in set(points)}
    found = [row for row in proved if row["cut_type"] == "decile"]
    for row in found:
        number = row["cut_order"]
        expected = naive.confusion(rows, lambda one, n=number: of_score[one["points"]] == n)
        assert row["n"] == expected["n"] and row["precision"] == pytest.approx(
            expected["precision"]
        )
    assert sum(row["n"] for row in found) == len(rows)
    assert [row["gain"] for row in found] == sorted(row["gain"] for row in found)
    assert found[-1]["gain"] == pytest.approx(1)


def test_equal_scores_are_never_torn_apart_at_a_deciles_bound():
    assert deciles(np.zeros(7)).tolist() == [5] * 7  # all in the middle
    points = np.array([5.0] * 15 + [1.0] * 5)
    assert deciles(points).tolist() == [4] * 15 + [9] * 5
    assert deciles(np.arange(10)[::-1].astype(float)).tolist() == list(range(1, 11))
    assert deciles(np.zeros(0)).tolist() == []
    for seed in range(20):
        some = np.random.default_rng(seed).integers(0, 6, size=1 + seed).astype(float)
        assert deciles(some).tolist() == [naive.decile(some.tolist(), v) for v in some]


def test_the_area_under_the_curve_counts_pairs(company):
    rows = company.landmarks.slice(0, 400).to_pylist()
    points = np.array([row["points"] for row in rows])
    converted = np.array([row["is_converted"] for row in rows])
    assert auc(points, converted) == pytest.approx(naive.auc(rows))


def test_tiers_are_told_apart_with_their_differences():
    fair = {"pricing": 50, "active": 40, "invites": 30, "noise_a": 0, "noise_b": 0}
    company = observations(seed=3, points=fair)
    proved = backtest(company.landmarks, company.thresholds, QUICK).to_pylist()
    hot, warm, watching, none = (
        row_of(proved, tier) for tier in ("hot", "warm", "watching", "none")
    )
    assert hot["precision"] > warm["precision"] > none["precision"]
    assert hot["above_next_low"] < hot["above_next"] < hot["above_next_high"]
    assert hot["above_next"] == pytest.approx(hot["precision"] - warm["precision"])
    assert none["above_next"] is None
    assert watching["count_observed"] == hot["count_observed"]


def test_immature_windows_are_left_out_whatever_came_of_them(company):
    rows = company.landmarks.to_pylist()
    for row in rows[::3]:
        row["is_mature"] = False
    found = backtest(tables(rows).landmarks, company.thresholds, QUICK).to_pylist()
    whole = row_of(found, "all")
    assert whole["n"] == sum(row["is_mature"] for row in rows)
    assert whole["count_immature"] == len(rows) - whole["n"]
    assert whole["true_positives"] == sum(r["is_mature"] and r["is_converted"] for r in rows)


def test_the_order_of_rows_changes_nothing_and_a_second_run_is_the_same(company, proved):
    rows = company.landmarks.to_pylist()
    random.Random(1).shuffle(rows)
    again = backtest(tables(rows).landmarks, company.thresholds, QUICK).to_pylist()
    assert len(again) == len(proved)
    for one, other in zip(again, proved, strict=True):
        assert one == pytest.approx(other, nan_ok=True)


def test_the_curve_of_the_earlier_windows_foretells_the_latest(proved):
    whole = row_of(proved, "all", "held_out")
    assert whole["calibration_error"] < 0.03
    assert 0 < whole["n"] < row_of(proved, "all")["n"]
    bins = [row for row in proved if row["sample"] == "held_out" and row["cut_type"] == "score_10"]
    error = sum(r["n"] * abs(r["precision"] - r["predicted_rate"]) for r in bins) / whole["n"]
    assert error == pytest.approx(whole["calibration_error"])
    assert sum(r["n"] * r["predicted_rate"] for r in bins) / whole["n"] == pytest.approx(
        whole["predicted_rate"]
    )


def test_no_window_that_trains_the_curve_reaches_into_the_latest(company):
    """Were those paying in between known to both, the latest would not be unseen."""
    rows = company.landmarks.to_pylist()
    dates = np.array([row["landmark_date"] for row in rows], dtype="datetime64[D]")
    first = held_out_from(dates, 0.3).astype(object)
    for row in rows:  # a lie about the windows in between must change nothing held out
        if first - timedelta(days=14) <= row["landmark_date"] < first:
            row["is_converted"] = not row["is_converted"]
    lied = backtest(tables(rows).landmarks, company.thresholds, QUICK).to_pylist()
    told = backtest(company.landmarks, company.thresholds, QUICK).to_pylist()
    assert row_of(lied, "all", "held_out") == row_of(told, "all", "held_out")
    assert row_of(lied, "all")["true_positives"] != row_of(told, "all")["true_positives"]


# ------------------------------------------------------------------ intervals


def test_intervals_cover_the_truth_though_days_of_an_account_resemble_each_other():
    """Rates of 30 % with strongly alike days: nominal 95 %; the naive interval fails by far."""
    chance = np.random.default_rng(0)
    covered = naive_covered = 0
    rounds = 150
    for seed in range(rounds):
        of_account = chance.beta(0.6, 1.4, size=120)  # mean 0.3
        labels = np.repeat(np.arange(120), 8)
        hits = chance.random(len(labels)) < of_account[labels]
        clusters = Clusters(labels, 300, seed)
        columns = np.column_stack([hits, np.ones(len(hits))])
        sampled = clusters.resampled(columns)
        _, low, high = rate_intervals(
            hits.sum(keepdims=True), np.array([len(hits)]), np.array([120]),
            sampled[:, :1], sampled[:, 1:], 0.95,
        )  # fmt: skip
        covered += low[0] <= 0.3 <= high[0]
        low, high = wilson(hits.mean(keepdims=True), np.array([len(hits)]), 0.95)
        naive_covered += low[0] <= 0.3 <= high[0]
    assert covered / rounds >= 0.90
    assert naive_covered / rounds < 0.8


def test_few_or_no_successes_have_an_interval_that_covers():
    chance = np.random.default_rng(1)
    covered = 0
    for seed in range(200):
        hits = chance.random(60) < 0.04
        clusters = Clusters(np.arange(60), 200, seed)
        sampled = clusters.resampled(np.column_stack([hits, np.ones(60)]))
        _, low, high = rate_intervals(
            hits.sum(keepdims=True), np.array([60]), np.array([60]),
            sampled[:, :1], sampled[:, 1:], 0.95,
        )  # fmt: skip
        assert low[0] <= hits.mean() <= high[0] and high[0] > 0
        covered += low[0] <= 0.04 <= high[0]
    assert covered / 200 >= 0.9


# ------------------------------------------------------------------ edges


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("paid", [True, False])
def test_hardly_any_observations_break_nothing(count, paid):
    rows = [
        {
            "model_key": "m", "account_id": f"a{i}", "landmark_date": date(2025, 1, 1),
            "landmark_number": 1, "points": 50.0, "score_10": 4, "tier": "warm",
            "is_mature": True, "is_converted": paid, "segment": "1-50", "region": "EMEA",
            "entry_model": "trial",
        }
        for i in range(count)
    ]  # fmt: skip
    few = tables(rows)
    found = backtest(few.landmarks, few.thresholds, QUICK).to_pylist()
    assert bool(found) == bool(count)
    if count:
        warm = row_of(found, "warm")
        assert (warm["precision"], warm["n"]) == (float(paid), count)
        assert row_of(found, "all")["auc"] is None
    bias_review(few.landmarks, few.thresholds, QUICK)
    assert drift(few.landmarks, few.signals, few.model_signals, QUICK).num_rows == 0
    rows = recalibrate(few.landmarks, few.signals, few.model_signals, few.tiers, QUICK).to_pylist()
    assert {row["verdict"] for row in rows if row["row_type"] == "signal"} == {"not_enough_data"}
    assert all(row["proposed_points"] is None for row in rows)


def test_only_immature_windows_prove_nothing(company):
    rows = [row | {"is_mature": False} for row in company.landmarks.slice(0, 50).to_pylist()]
    few = tables(rows)
    (whole,) = backtest(few.landmarks, few.thresholds, QUICK).to_pylist()
    assert (whole["n"], whole["count_immature"], whole["precision"]) == (0, 50, None)
    assert bias_review(few.landmarks, few.thresholds, QUICK).num_rows == 0


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="held_out_share"):
        ProofSettings(held_out_share=1.0)
    with pytest.raises(ValueError, match="bootstrap_rounds"):
        ProofSettings.of([("bootstrap_rounds", 10)])
    chosen = ProofSettings.of([("criteria_min_count", 3), ("criteria_min_count", 1)])
    assert chosen.criteria_min_count == (1, 3)


# ------------------------------------------------------------------ bias


def test_a_group_the_model_overlooks_is_flagged_and_small_ones_are_not_judged():
    company = observations(seed=5, accounts=900)
    rows = company.landmarks.to_pylist()
    for row in rows:
        if row["segment"] == "500+":  # scored too low, paying all the same
            row["points"] *= 0.45
        row["region"] = "APAC" if row["account_id"] in ("acc_00001", "acc_00002") else "EMEA"
    found = bias_review(tables(rows).landmarks, company.thresholds, QUICK).to_pylist()

    def of(dimension, value, measure, cut="warm"):
        (row,) = [
            r for r in found
            if (r["dimension"], r["dimension_value"], r["measure"], r["cut"])
            == (dimension, value, measure, cut)
        ]  # fmt: skip
        return row

    overlooked = of("segment", "500+", "recall")
    assert overlooked["flag"] == "act" and overlooked["ratio_high"] < 0.8
    inside = [row for row in rows if row["segment"] == "500+"]
    expected = naive.confusion(inside, lambda row: row["points"] >= 50)
    for measure in ("recall", "precision", "false_positive_rate"):
        assert of("segment", "500+", measure)["value"] == pytest.approx(expected[measure])
    assert of("segment", "500+", "selection_rate")["value"] == pytest.approx(
        expected["n"] / len(inside)
    )
    best = of("segment", overlooked["best_value"], "recall")
    assert overlooked["ratio_to_best"] == pytest.approx(overlooked["value"] / best["value"])
    assert best["flag"] == "ok" and best["ratio_to_best"] == 1
    assert of("region", "APAC", "recall")["flag"] == "too_few"
    assert of("region", "APAC", "selection_rate")["ratio_to_best"] is None
    lowest = of("segment", "500+", "false_positive_rate")
    assert lowest["ratio_to_best"] == 1  # for this one the lowest is best


# ------------------------------------------------------------------ criteria


def matched_sets(seed: int, planted: dict[str, tuple[float, float]], sets: int = 50):
    """Members and actions: each event with its chance among conversions and among controls."""
    chance = np.random.default_rng(seed)
    members, actions = [], []
    for number in range(sets):
        for place in range(9):
            account = f"c{number}" if place == 0 else f"c{number}_{place}"
            key = {"conversion_account_id": f"c{number}", "account_id": account}
            members.append(key | {"is_conversion": place == 0})
            for event, rates in planted.items():
                if chance.random() < rates[place > 0]:
                    times = int(chance.integers(1, 4))
                    actions.append(
                        key | {"window_key": "w", "event_name": event, "count_events": times}
                    )
    return members, actions


PLANTED_ACTIONS = {
    "pricing": (0.85, 0.25),
    "invited": (0.8, 0.35),
    "rare": (0.3, 0.05),
    "common": (0.9, 0.9),
    "noise": (0.75, 0.72),
}
ACTION_SCHEMA = pa.schema(
    [
        ("conversion_account_id", pa.string()),
        ("account_id", pa.string()),
        ("window_key", pa.string()),
        ("event_name", pa.string()),
        ("count_events", pa.int64()),
    ]
)


def discovered(members, actions, settings=QUICK):
    return criteria(
        pa.Table.from_pylist(members), pa.Table.from_pylist(actions, ACTION_SCHEMA), settings
    ).to_pylist()


def test_criteria_name_the_planted_actions_and_not_the_noise():
    members, actions = matched_sets(1, PLANTED_ACTIONS)
    found = discovered(members, actions)
    assert {row["event_name"] for row in found if row["is_criterion"]} == {"pricing", "invited"}
    (rare,) = [row for row in found if row["event_name"] == "rare" and row["min_count"] == 1]
    assert rare["is_significant"] and not rare["is_present_enough"]
    assert [row["place"] for row in found] == list(range(1, len(found) + 1))


def test_criteria_find_nothing_where_nothing_is_planted():
    wrong = 0
    for seed in range(30):
        members, actions = matched_sets(seed, {f"e{i}": (0.8, 0.8) for i in range(6)}, sets=30)
        wrong += any(row["is_criterion"] for row in discovered(members, actions))
    assert wrong <= 3  # the family's error is 5 %


def test_presence_base_rate_and_test_agree_with_counting_set_by_set():
    members, actions = matched_sets(2, PLANTED_ACTIONS, sets=20)
    members = [m for m in members if m["account_id"] != "c0_1"]  # sets need not be alike
    members = [m for m in members if not m["account_id"].startswith("c1_")]  # none to compare with
    done = {
        (a["conversion_account_id"], a["account_id"]) for a in actions
        if a["event_name"] == "pricing" and a["count_events"] >= 2
    }  # fmt: skip
    sets: dict[str, list] = {}
    for m in members:
        did = (m["conversion_account_id"], m["account_id"]) in done
        one = sets.setdefault(m["conversion_account_id"], [False, []])
        if m["is_conversion"]:
            one[0] = did
        else:
            one[1].append(did)
    sets = {name: one for name, one in sets.items() if one[1]}
    (found,) = [
        row for row in discovered(members, actions)
        if row["event_name"] == "pricing" and row["min_count"] == 2
    ]  # fmt: skip
    assert found["conversions"] == len(sets) == 19
    assert found["presence"] == pytest.approx(np.mean([case for case, _ in sets.values()]))
    assert found["base_rate"] == pytest.approx(np.mean([np.mean(c) for _, c in sets.values()]))
    assert found["lift"] == pytest.approx(found["presence"] / found["base_rate"])
    square = naive.mantel_haenszel(list(sets.values()))
    assert found["p_value"] == pytest.approx(stats.chi2.sf(square, 1))
    cells = [
        [[case, 1 - case], [sum(c), len(c) - sum(c)]]
        for case, c in sets.values()
        if 0 < case + sum(c) < 1 + len(c)
    ]
    theirs = StratifiedTable(np.array(cells, dtype=float).transpose(1, 2, 0))
    assert found["p_value"] == pytest.approx(theirs.test_null_odds().pvalue)


def test_without_conversions_or_controls_there_are_no_criteria():
    members, actions = matched_sets(1, PLANTED_ACTIONS, sets=3)
    assert discovered([m for m in members if m["is_conversion"]], actions) == []
    empty = pa.Table.from_pylist(members).slice(0, 0)
    assert criteria(empty, pa.Table.from_pylist([], ACTION_SCHEMA), QUICK).num_rows == 0


# ------------------------------------------------------------------ drift


def test_psi_and_ks_agree_with_counting_and_with_scipy():
    chance = np.random.default_rng(4)
    reference, later = chance.normal(size=400), chance.normal(0.3, size=300)
    edges = np.quantile(reference, np.arange(0.1, 1, 0.1))
    bins = [
        lambda v, a=a, b=b: a < v <= b
        for a, b in zip([-np.inf, *edges], [*edges, np.inf], strict=True)
    ]
    counts = [
        np.array([sum(one(v) for v in values) for one in bins]) for values in (later, reference)
    ]
    assert psi(*counts) == pytest.approx(naive.psi(later, reference, bins))
    theirs = stats.ks_2samp(later, reference, method="asymp")
    assert ks(later, reference)[0] == pytest.approx(theirs.statistic)
    assert ks(later, reference)[1] == pytest.approx(theirs.pvalue, abs=0.01)
    assert np.isnan(ks(later, later[:0])).all()


def test_a_shift_is_told_from_the_noise_of_few_observations():
    company = observations(seed=6, accounts=1200, windows=4)
    rows, signals = company.landmarks.to_pylist(), company.signals.to_pylist()
    turn = date(2025, 8, 1)
    for row in rows:
        if row["landmark_date"] >= turn:
            row["points"] += 40
    signals = [s for s in signals if s["signal_key"] != "invites" or s["landmark_date"] < turn]
    signals += [
        {"model_key": "m", "account_id": r["account_id"], "landmark_date": r["landmark_date"],
         "signal_key": "invites", "share_present": 0.0, "is_missing": True}
        for r in rows if r["landmark_date"] >= turn
    ]  # fmt: skip
    changed = tables(rows, signals)
    found = drift(changed.landmarks, changed.signals, changed.model_signals, QUICK).to_pylist()
    late = [
        r for r in found
        if r["month"] >= turn and r["population"] == "all" and r["status"] != "too_few"
    ]  # fmt: skip
    assert {r["status"] for r in late if r["item"] == "score"} == {"act"}
    missing = [r for r in late if r["item"] == "invites"]
    assert {r["missing_rate"] for r in missing} == {1.0} and {r["status"] for r in missing} == {
        "act"
    }
    steady = [r for r in found if r["item"] == "pricing" and r["status"] in ("watch", "act")]
    assert len(steady) <= 1
    reference = {r["month"] for r in found if r["status"] == "reference"}
    assert reference == {date(2025, 2, 1), date(2025, 3, 1), date(2025, 4, 1)}
    assert all(r["psi"] is None for r in found if r["status"] == "reference")


# ------------------------------------------------------------------ recalibration


@pytest.fixture(scope="module")
def recalibrated(company):
    return recalibrate(
        company.landmarks, company.signals, company.model_signals, company.tiers, QUICK
    ).to_pylist()


def of_type(rows, row_type):
    return {row["row_key"]: row for row in rows if row["row_type"] == row_type}


def test_recalibration_recovers_the_planted_order_and_rejects_the_noise(recalibrated):
    signals = of_type(recalibrated, "signal")
    planted = [name for name, weight in PLANTED.items() if weight]
    assert {n for n, row in signals.items() if row["verdict"] == "predictive"} == set(planted)
    proposed = [signals[name]["proposed_points"] for name in planted]
    assert proposed == sorted(proposed, reverse=True)  # as planted; today they are the other way
    assert all(signals[name]["proposed_points"] == 0 for name in ("noise_a", "noise_b"))
    for name, weight in PLANTED.items():
        assert signals[name]["coefficient_low"] < weight < signals[name]["coefficient_high"]


def test_proposed_weights_are_whole_and_add_up_to_todays(recalibrated):
    proposed = [row["proposed_points"] for row in of_type(recalibrated, "signal").values()]
    assert sum(proposed) == sum(POINTS.values())
    assert all(points == int(points) for points in proposed)


def test_the_proposal_tells_better_on_windows_it_has_not_seen(recalibrated):
    model = of_type(recalibrated, "model")["all"]
    assert model["decision"] == "consider"
    assert model["proposed_auc"] > model["current_auc"] and model["auc_change_low"] > 0
    assert model["n_held_out"] < model["n"]
    for row in of_type(recalibrated, "tier").values():  # as many selected, more of them pay
        if row["current_share"] > 0.02:
            assert row["proposed_share"] == pytest.approx(row["current_share"], abs=0.06)
    warm = of_type(recalibrated, "tier")["warm"]
    assert warm["proposed_precision"] > warm["current_precision"]
    assert warm["precision_change_low"] > 0


def test_a_signals_own_lift_agrees_with_counting(company, recalibrated):
    rows = company.landmarks.to_pylist()
    shown = {
        (s["account_id"], s["landmark_date"]) for s in company.signals.to_pylist()
        if s["signal_key"] == "pricing"
    }  # fmt: skip
    rates = {}
    for present in (True, False):
        some = [r for r in rows if ((r["account_id"], r["landmark_date"]) in shown) == present]
        rates[present] = sum(r["is_converted"] for r in some) / len(some)
    found = of_type(recalibrated, "signal")["pricing"]
    assert (found["rate_present"], found["rate_absent"]) == pytest.approx(
        (rates[True], rates[False])
    )
    assert found["lift"] == pytest.approx(rates[True] / rates[False])
    assert found["lift_low"] < found["lift"] < found["lift_high"]


def test_below_the_conversions_needed_nothing_is_proposed(company):
    strict = replace(QUICK, min_conversions=100_000)
    rows = recalibrate(
        company.landmarks, company.signals, company.model_signals, company.tiers, strict
    ).to_pylist()
    assert of_type(rows, "model")["all"]["decision"] == "not_enough_data"
    assert all(row["proposed_points"] is None for row in rows)
    assert of_type(rows, "signal")["pricing"]["coefficient"] > 1  # told, not judged
    challenger = of_type(rows, "challenger")["gradient_boosting"]
    assert challenger["decision"] == "absent" and "1000" in challenger["reason"]


def test_of_a_model_that_is_no_sum_no_weights_are_proposed(company):
    other = company.model_signals.set_column(
        3, "is_summed", pa.array([False] * company.model_signals.num_rows)
    )
    rows = recalibrate(company.landmarks, company.signals, other, company.tiers, QUICK).to_pylist()
    assert of_type(rows, "signal")["pricing"]["verdict"] == "predictive"
    assert all(row["proposed_points"] is None for row in rows)
    assert of_type(rows, "model")["all"]["decision"] == "keep"


def test_a_challenger_comes_with_what_it_looks_at(company):
    eager = replace(QUICK, challenger_min_conversions=50)
    rows = recalibrate(
        company.landmarks, company.signals, company.model_signals, company.tiers, eager
    ).to_pylist()
    challenger = of_type(rows, "challenger")["gradient_boosting"]
    assert challenger["proposed_auc"] > challenger["current_auc"]
    explained = of_type(rows, "challenger_signal")
    assert max(explained, key=lambda name: explained[name]["importance"]) == "pricing"
    assert explained["pricing"]["rate_when_full"] > 2 * explained["pricing"]["rate_when_absent"]
    assert abs(explained["noise_a"]["importance"]) < 0.02


def test_a_missing_input_is_not_taken_for_absent():
    company = observations(seed=8, accounts=600)
    signals = [
        s | {"is_missing": True, "share_present": 0.0}
        for s in company.signals.to_pylist() if s["signal_key"] == "noise_a"
    ] + [s for s in company.signals.to_pylist() if s["signal_key"] != "noise_a"]  # fmt: skip
    other = tables(company.landmarks.to_pylist(), signals)
    rows = recalibrate(
        other.landmarks, other.signals, other.model_signals, other.tiers, QUICK
    ).to_pylist()
    hidden = of_type(rows, "signal")["noise_a"]
    assert (hidden["count_present"], hidden["verdict"]) == (0, "no_evidence")
