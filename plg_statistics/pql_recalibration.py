"""Which weights would tell best who pays? A proposal beside today's, for a person to accept.

Observations are those of the backtest (`pql_backtest`): an account on a landmark day, whether it
pays within the window. A signal is how much of its points is left on the day, 0 to 1.

**By itself.** Share converted with and without the signal, lift with an interval by resampling
accounts, Cochran-Mantel-Haenszel over landmark numbers (how old the account is), Holm.

**Together.** Logistic regression with a ridge penalty of conversion on all signals, on whether an
input is missing, and on how the account came in (trial, freemium) by landmark number: the
likelihood of discrete-time survival. The penalty is chosen on the earlier windows by folds that
go forward in time; a fold trains only on windows that were over when its test began. Errors are
clustered by account (sandwich: bread is the penalised Hessian), p adjusted by Holm. A signal is
`predictive` where it adds to what the others say, `against` where it takes away, else
`no_evidence`.

**Weights.** Of predictive signals, in proportion to their coefficients, in whole points, adding up
to the points today's signals can give. What shows no evidence is proposed no points; so are
signals against, except where they cost points today (friction): these keep costing, in the same
proportion. Bounds are put where as many of the observations are selected as today, so that
volume stays and precision moves.

**Held out.** What to expect is measured on the latest windows, which weights fitted on the
earlier ones (over by then) have not seen. The weights proposed are then fitted on all.

**Challenger.** Gradient boosting on the same signals, trained and tested on the same windows; only
above `challenger_min_conversions`, and never without saying what it looks at: permutation
importance (L. Breiman, "Random Forests", 2001) on the held-out windows and the mean prediction
with the signal absent and full (partial dependence, J. H. Friedman, 2001).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from plg_statistics.clustered_intervals import Clusters, quantiles, ratio
from plg_statistics.comparisons import holm
from plg_statistics.pql_backtest import (
    auc,
    auc_resamples,
    days,
    flags,
    held_out_from,
    numbers,
    texts,
)
from plg_statistics.pql_drift import signal_matrix
from plg_statistics.pql_proof_input import RECALIBRATION, ProofSettings, as_table

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # scikit-learn's C: the smaller the stronger
FOLDS = 4
AGES = 4  # landmark numbers told apart: first, second, third, later
SHUFFLES = 5


@dataclass(frozen=True)
class _Observed:
    """A model's observations whose outcome is known."""

    names: list[str]
    current: np.ndarray  # points of each signal today
    shares: np.ndarray  # (observation, signal), 0 where missing
    controls: np.ndarray  # what else is in the regression: age, missing inputs
    age: np.ndarray
    points: np.ndarray  # today's score
    converted: np.ndarray
    accounts: np.ndarray
    dates: np.ndarray

    def at(self, chosen: np.ndarray) -> "_Observed":
        """Some of them."""
        return _Observed(
            self.names, self.current, self.shares[chosen], self.controls[chosen], self.age[chosen],
            self.points[chosen], self.converted[chosen], self.accounts[chosen], self.dates[chosen],
        )  # fmt: skip


def recalibrate(
    landmarks: pa.Table,
    signals: pa.Table,
    model_signals: pa.Table,
    tiers: pa.Table,
    settings: ProofSettings,
    inputs_hash: str = "",
) -> pa.Table:
    """`landmarks` and `signals` as for backtest and drift. `model_signals`: model_key, signal_key,
    points, is_summed (else no weights are proposed). `tiers`: model_key, tier, min_points.
    Returns `RECALIBRATION`."""
    rows: list[dict] = []
    mature = landmarks.filter(pa.array(flags(landmarks, "is_mature")))
    of_rows = texts(mature, "model_key")
    all_signals, all_tiers = model_signals.to_pylist(), tiers.to_pylist()
    for model_key in sorted({row["model_key"] for row in all_signals}):
        of_model = mature.filter(pa.array(of_rows == model_key))
        own = sorted(
            (row for row in all_signals if row["model_key"] == model_key),
            key=lambda row: row["signal_key"],
        )
        observed = _observed(of_model, signals, model_key, own)
        bounds = sorted(
            ((row["tier"], float(row["min_points"])) for row in all_tiers
             if row["model_key"] == model_key and float(row["min_points"]) > 0),
            key=lambda pair: -pair[1],
        )  # fmt: skip
        is_summed = all(row["is_summed"] for row in own)
        for row in _of_model(observed, bounds, is_summed, settings):
            rows.append({"model_key": model_key} | row)
    return as_table(rows, RECALIBRATION, inputs_hash)


def _observed(landmarks: pa.Table, signals: pa.Table, model_key: str, own: list[dict]) -> _Observed:
    names = [row["signal_key"] for row in own]
    shares = signal_matrix(landmarks, signals, model_key, names)
    missing = np.isnan(shares)
    age = np.minimum(numbers(landmarks, "landmark_number").astype(int), AGES)
    # a column that is (nearly) always the same, or the same as another, says nothing
    told = [
        column for column in (missing[:, i].astype(float) for i in range(len(names)))
        if 0.01 < column.mean() < 0.99
    ] if len(age) else []  # fmt: skip
    kept: list[np.ndarray] = []
    entry = texts(landmarks, "entry_model")
    entries = [1.0 * (entry == value) for value in sorted(set(entry.tolist()))[1:]]
    ages = [1.0 * (age == number) for number in range(2, AGES + 1)]
    # also each age of each entry: a trial ends on its day, which is no sign of anything
    both = [one * other for one in entries for other in ages]
    for column in [*entries, *ages, *both, *told]:
        if not any(np.array_equal(column, other) for other in kept):
            kept.append(column)
    controls = np.column_stack(kept) if kept else np.zeros((len(age), 0))
    return _Observed(
        names, np.array([float(row["points"]) for row in own]), np.nan_to_num(shares), controls,
        age, numbers(landmarks, "points"), flags(landmarks, "is_converted"),
        texts(landmarks, "account_id"), days(landmarks, "landmark_date"),
    )  # fmt: skip


def _of_model(
    observed: _Observed, bounds: list[tuple[str, float]], is_summed: bool, settings: ProofSettings
) -> list[dict]:
    n, conversions = len(observed.converted), int(observed.converted.sum())
    first = held_out_from(observed.dates, settings.held_out_share)
    overall = {"n": n, "conversions": conversions}
    alone = _signals_alone(observed, settings)
    lacking = _what_is_lacking(observed, first, settings)
    if lacking:
        # what can be told is told, with its wide intervals; nothing is judged or proposed
        fitted = _fit(observed, 1.0, settings) if 0 < conversions < n else {}
        fitted["verdict"] = np.full(len(alone), "not_enough_data", dtype=object)
        return [
            overall | {"row_type": "model", "row_key": "all",
                       "decision": "not_enough_data", "reason": lacking},
            *(overall | row | {name: values[i] for name, values in fitted.items()}
              for i, row in enumerate(alone)),
            _no_challenger(overall, conversions, settings),
        ]  # fmt: skip
    assert first is not None
    late = observed.at(observed.dates >= first)
    early = observed.at(_over_by(observed.dates, first, settings))
    overall |= {
        "n_held_out": len(late.converted),
        "conversions_held_out": int(late.converted.sum()),
        "held_out_from": first.astype(object),
    }
    penalty = _best_penalty(early, settings)
    fitted = _fit(observed, penalty, settings)
    learnt = _fit(early, penalty, settings)
    proposed = _whole_points(fitted, observed.current) if is_summed else None
    tested = _whole_points(learnt, early.current) if is_summed else None
    rows = []
    for i, row in enumerate(alone):
        rows.append(
            overall | row | {name: values[i] for name, values in fitted.items()}
            | {"penalty_c": penalty,
               "proposed_points": None if proposed is None else proposed[i]}
        )  # fmt: skip
    clusters = Clusters(late.accounts, settings.bootstrap_rounds)
    new_scores = None if tested is None else late.shares @ tested
    tier_rows, model = [], {"row_type": "model", "row_key": "all", "penalty_c": penalty}
    if new_scores is not None and proposed is not None and tested is not None:
        early_new, all_new = early.shares @ tested, observed.shares @ proposed
        for tier, bound in bounds:
            tier_rows.append(
                overall | {"row_type": "tier", "row_key": tier, "current_points": bound,
                           "proposed_points": _same_volume(all_new, observed.points >= bound)}
                | _tier_held_out(late, new_scores, bound,
                                 _same_volume(early_new, early.points >= bound),
                                 clusters, settings)
            )  # fmt: skip
        model |= _areas(late, new_scores, clusters, settings)
    model |= _decision(fitted, model, is_summed)
    return [
        overall | model,
        *rows,
        *tier_rows,
        *_challenger(early, late, overall, conversions, clusters, settings),
    ]


def _over_by(dates: np.ndarray, first: np.datetime64, settings: ProofSettings) -> np.ndarray:
    """Windows that were over when the first of the others began."""
    return dates + np.timedelta64(settings.landmark_every_days, "D") < first


def _what_is_lacking(observed: _Observed, first, settings: ProofSettings) -> str | None:
    conversions = int(observed.converted.sum())
    if conversions < settings.min_conversions:
        return (
            f"{conversions} conversions in windows that are over; "
            f"{settings.min_conversions} are needed."
        )
    if first is None:
        return "All windows began on one day: nothing can be held out."
    early = observed.converted[_over_by(observed.dates, first, settings)]
    late = observed.converted[observed.dates >= first]
    for name, part in (("earlier", early), ("latest", late)):
        if len(set(part.tolist())) < 2:
            return f"In the {name} windows there is nobody of one kind (paid, not paid)."
    return None


def _signals_alone(observed: _Observed, settings: ProofSettings) -> list[dict]:
    present = observed.shares > 0
    converted = observed.converted
    n, positives = present.sum(axis=0), (present & converted[:, None]).sum(axis=0)
    absent, other = len(converted) - n, int(converted.sum()) - positives
    clusters = Clusters(observed.accounts, settings.bootstrap_rounds)
    width = len(observed.names)
    low = high = np.full(width, np.nan)
    if clusters.count:
        sampled = clusters.resampled(
            np.column_stack([
                present, present & converted[:, None], ~present, ~present & converted[:, None],
            ])
        ).reshape(settings.bootstrap_rounds, 4, width)  # fmt: skip
        with_signal = ratio(sampled[:, 1] + 0.5, sampled[:, 0] + 0.5)
        without = ratio(sampled[:, 3] + 0.5, sampled[:, 2] + 0.5)
        low, high = quantiles(ratio(with_signal, without), settings.confidence_level)
    p_values = _cmh(present, converted, observed.age)
    adjusted = holm(p_values.tolist()) if width else []
    lift = ratio(ratio(positives, n), ratio(other, absent))
    return [
        {
            "row_type": "signal", "row_key": name,
            "count_present": int(n[i]),
            "rate_present": ratio(positives, n)[i], "rate_absent": ratio(other, absent)[i],
            "lift": lift[i], "lift_low": low[i], "lift_high": high[i],
            "lift_p_value": p_values[i], "lift_p_value_adjusted": adjusted[i],
            "current_points": observed.current[i],
        }
        for i, name in enumerate(observed.names)
    ]  # fmt: skip


def _cmh(present: np.ndarray, converted: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Cochran-Mantel-Haenszel of each column over the strata, no continuity correction; 1 where
    nothing can be told."""
    difference = np.zeros(present.shape[1])
    variance = np.zeros(present.shape[1])
    for stratum in np.unique(strata):
        inside = strata == stratum
        n, k = int(inside.sum()), int(converted[inside].sum())
        if n < 2:
            continue
        some = present[inside].sum(axis=0)
        both = (present[inside] & converted[inside][:, None]).sum(axis=0)
        difference += both - some * k / n
        variance += some * (n - some) * k * (n - k) / (n**2 * (n - 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = difference / np.sqrt(variance)
    return np.where(variance > 0, 2 * norm.sf(np.abs(z)), 1.0)


def _design(observed: _Observed) -> np.ndarray:
    return np.column_stack([observed.shares, observed.controls])


def _regression(penalty: float):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=penalty, solver="newton-cholesky", max_iter=200)


def _best_penalty(observed: _Observed, settings: ProofSettings) -> float:
    """Smallest mean log loss over folds that go forward in time; the middle one without folds."""
    ordered = np.sort(observed.dates)
    starts = [ordered[int(len(ordered) * k / (FOLDS + 1))] for k in range(1, FOLDS + 1)]
    ends = [*starts[1:], ordered[-1] + np.timedelta64(1, "D")]
    design = _design(observed)
    losses = []
    for start, end in zip(starts, ends, strict=True):
        train = _over_by(observed.dates, start, settings)
        test = (observed.dates >= start) & (observed.dates < end)
        if len(set(observed.converted[train].tolist())) < 2 or not observed.converted[test].any():
            continue
        found = []
        for penalty in PENALTIES:
            model = _regression(penalty).fit(design[train], observed.converted[train])
            chance = np.clip(model.predict_proba(design[test])[:, 1], 1e-9, 1 - 1e-9)
            truth = observed.converted[test]
            found.append(-np.mean(np.where(truth, np.log(chance), np.log(1 - chance))))
        losses.append(found)
    if not losses:
        return PENALTIES[len(PENALTIES) // 2]
    return PENALTIES[int(np.argmin(np.mean(losses, axis=0)))]


def _fit(observed: _Observed, penalty: float, settings: ProofSettings) -> dict[str, np.ndarray]:
    """Coefficients of the signals with clustered errors, and what they say."""
    design = _design(observed)
    model = _regression(penalty).fit(design, observed.converted)
    with_one = np.column_stack([design, np.ones(len(design))])
    beta = np.append(model.coef_[0], model.intercept_[0])
    chance = 1 / (1 + np.exp(-(with_one @ beta)))
    ridge = np.diag(np.append(np.full(len(beta) - 1, 1 / penalty), 0.0))
    hessian = with_one.T @ (with_one * (chance * (1 - chance))[:, None]) + ridge
    clusters = Clusters(observed.accounts, 1)
    scores = clusters.totals(with_one * (observed.converted - chance)[:, None])
    bread = np.linalg.pinv(hessian)
    covariance = bread @ (scores.T @ scores) @ bread
    width = len(observed.names)
    coefficient = beta[:width]
    error = np.sqrt(np.maximum(np.diag(covariance)[:width], 0))
    z = ratio(coefficient, error)
    p_values = np.where(np.isfinite(z), 2 * norm.sf(np.abs(np.nan_to_num(z))), 1.0)
    # present for (nearly) nobody, or for all: its coefficient is the penalty's
    seen = (observed.shares > 0).sum(axis=0)
    p_values = np.where((seen >= 10) & (seen <= len(observed.shares) - 10), p_values, 1.0)
    adjusted = np.array(holm(p_values.tolist()))
    reach = norm.ppf(0.5 + settings.confidence_level / 2) * error
    evident = adjusted <= settings.family_error_rate
    verdict = np.where(
        evident & (coefficient > 0), "predictive",
        np.where(evident & (coefficient < 0), "against", "no_evidence"),
    ).astype(object)  # fmt: skip
    return {
        "coefficient": coefficient,
        "coefficient_low": coefficient - reach, "coefficient_high": coefficient + reach,
        "p_value": p_values, "p_value_adjusted": adjusted, "verdict": verdict,
    }  # fmt: skip


def _whole_points(fitted: dict[str, np.ndarray], current: np.ndarray) -> np.ndarray | None:
    """Points in proportion to coefficients; the positive add up to today's. None where nothing is
    predictive.

    Whole points by largest remainder, so that the sum is exact.
    """
    coefficient = fitted["coefficient"]
    earning = np.where(fitted["verdict"] == "predictive", coefficient, 0.0)
    earning = np.where(current < 0, 0.0, earning)  # what costs points today is asked to cost or not
    if not earning.any():
        return None
    total = float(np.where(current > 0, current, 0).sum())
    scale = total / earning.sum()
    exact = earning * scale
    whole = np.floor(exact)
    missing = round(total - whole.sum())
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[:missing]] += 1
    costing = (fitted["verdict"] == "against") & (current < 0)
    return np.where(costing, np.round(coefficient * scale), whole)


def _same_volume(new_scores: np.ndarray, selected: np.ndarray) -> float | None:
    """The whole bound that selects the number nearest to today's; of equals the higher."""
    if not selected.any():
        return None
    wanted = int(selected.sum())
    bounds = np.arange(1, max(int(np.ceil(new_scores.max())), 1) + 1)
    ordered = np.sort(new_scores)
    volume = len(ordered) - np.searchsorted(ordered, bounds - 1e-9, side="left")
    distance = np.abs(volume - wanted)
    return float(bounds[len(bounds) - 1 - int(np.argmin(distance[::-1]))])


def _tier_held_out(late: _Observed, new_scores, bound, new_bound, clusters: Clusters, settings):
    now = late.points >= bound
    then = new_scores >= new_bound - 1e-9 if new_bound is not None else np.zeros_like(now)
    both = np.column_stack([now, then])
    hits = both & late.converted[:, None]
    n, tp = both.sum(axis=0), hits.sum(axis=0)
    sampled = clusters.resampled(np.column_stack([both, hits]))
    rates = ratio(sampled[:, 2:], sampled[:, :2])
    low, high = quantiles((rates[:, 1] - rates[:, 0])[:, None], settings.confidence_level)
    precision, recall = ratio(tp, n), ratio(tp, late.converted.sum())
    return {
        "current_share": n[0] / len(now), "proposed_share": n[1] / len(now),
        "current_precision": precision[0], "proposed_precision": precision[1],
        "precision_change_low": low[0], "precision_change_high": high[0],
        "current_recall": recall[0], "proposed_recall": recall[1],
    }  # fmt: skip


def _areas(late: _Observed, new_scores: np.ndarray, clusters: Clusters, settings) -> dict:
    scores = [late.points, new_scores]
    resamples = auc_resamples(scores, late.converted, clusters)
    low, high = quantiles((resamples[:, 1] - resamples[:, 0])[:, None], settings.confidence_level)
    return {
        "current_auc": auc(scores[0], late.converted),
        "proposed_auc": auc(scores[1], late.converted),
        "auc_change_low": low[0], "auc_change_high": high[0],
    }  # fmt: skip


def _decision(fitted: dict[str, np.ndarray], model: dict, is_summed: bool) -> dict:
    if not is_summed:
        return {
            "decision": "keep",
            "reason": "Its points are not a plain sum of its signals: no weights are proposed.",
        }
    if "proposed_auc" not in model:
        return {"decision": "keep", "reason": "No signal adds evidently to the others."}
    if model["auc_change_low"] > 0:
        return {
            "decision": "consider",
            "reason": "In the latest windows, which it has not seen, weights fitted on the earlier "
            "ones tell those who pay better than today's.",
        }
    if model["auc_change_high"] < 0:
        return {"decision": "keep", "reason": "In the latest windows today's weights tell better."}
    return {
        "decision": "keep",
        "reason": "In the latest windows it is not sure that the proposal tells better than "
        "today's weights.",
    }


def _no_challenger(overall: dict, conversions: int, settings: ProofSettings) -> dict:
    return overall | {
        "row_type": "challenger", "row_key": "gradient_boosting", "decision": "absent",
        "reason": f"{conversions} conversions; a challenger is trained above "
        f"{settings.challenger_min_conversions} only.",
    }  # fmt: skip


def _challenger(
    early: _Observed, late: _Observed, overall: dict, conversions: int, clusters: Clusters,
    settings: ProofSettings,
) -> list[dict]:  # fmt: skip
    if conversions <= settings.challenger_min_conversions:
        return [_no_challenger(overall, conversions, settings)]
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # threads that wait for each other cost more than they bring here
        return _trained_challenger(
            HistGradientBoostingClassifier, early, late, overall, clusters, settings
        )


def _trained_challenger(
    classifier, early: _Observed, late: _Observed, overall: dict, clusters: Clusters,
    settings: ProofSettings,
) -> list[dict]:  # fmt: skip
    design = _design(late)
    model = classifier(
        max_iter=100, learning_rate=0.08, max_leaf_nodes=8, min_samples_leaf=50,
        l2_regularization=1.0, early_stopping=False, random_state=0,
    ).fit(_design(early), early.converted)  # fmt: skip
    chance = model.predict_proba(design)[:, 1]
    champion = late.points
    resamples = auc_resamples([champion, chance], late.converted, clusters)
    low, high = quantiles((resamples[:, 1] - resamples[:, 0])[:, None], settings.confidence_level)
    better = low[0] > 0
    area = auc(chance, late.converted)
    rows = [
        overall
        | {
            "row_type": "challenger", "row_key": "gradient_boosting",
            "current_auc": auc(champion, late.converted), "proposed_auc": area,
            "auc_change_low": low[0], "auc_change_high": high[0],
            "decision": "consider" if better else "keep",
            "reason": "It tells those who pay better than today's weights in the latest windows; "
            "look at what it looks at before believing it." if better else
            "It is not sure to tell better than today's weights in the latest windows.",
        }
    ]  # fmt: skip
    chance_of = np.random.default_rng(0)
    for i, name in enumerate(late.names):
        drops = []
        for _ in range(SHUFFLES):
            shuffled = design.copy()
            shuffled[:, i] = chance_of.permutation(shuffled[:, i])
            drops.append(area - auc(model.predict_proba(shuffled)[:, 1], late.converted))
        ends = []
        for value in (0.0, 1.0):
            everybody = design.copy()
            everybody[:, i] = value
            ends.append(float(model.predict_proba(everybody)[:, 1].mean()))
        rows.append(
            overall
            | {
                "row_type": "challenger_signal", "row_key": name,
                "importance": float(np.mean(drops)),
                "importance_low": float(np.min(drops)), "importance_high": float(np.max(drops)),
                "rate_when_absent": ends[0], "rate_when_full": ends[1],
            }
        )  # fmt: skip
    return rows
