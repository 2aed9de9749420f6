"""Do those whom a scoring model points at pay? Scores of landmark days against what came after.

**What is counted.** An account on a landmark day: `first_landmark_day` days after its sign-up and
then every `landmark_every_days`, as long as it has never paid. It converts when its first payment
comes after the day and not after the next landmark day. These windows follow each other without
overlap, so each conversion lies in exactly one; observations whose window is not over are left
out, also where the account has paid already (else only the quick would be known). This is the
data of a discrete-time survival model (P. D. Allison, "Discrete-time methods for the analysis of
event histories", 1982). Counting every account-day instead would let one account speak 14 times.

    selected: at or above a threshold, or in a tier, decile, score
                    converted   not
    selected           TP        FP     precision = TP / (TP + FP), the selected's conversion rate
    not selected       FN        TN     recall = TP / (TP + FN)
    false-positive rate = FP / (FP + TN)      lift = precision / share converted of all
    gain: share of all conversions among the selected (of a decile: in it and all better ones)

**Ties.** Equal scores are never torn apart: a decile holds all who share its score, so deciles
need not be of one size. An observation's decile is that of its mid-rank, 1 the highest.

**Calibration.** Points are no probability. A logistic curve of points is fitted on the earlier
windows and asked about the latest ones (`held_out`), which it has not seen: predicted against
observed by score of 1 to 10; the expected calibration error is the mean difference by size of bin
(M. P. Naeini et al., AAAI 2015), the Brier score the mean squared error.

**Intervals** resample accounts, never observations (`clustered_intervals`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from plg_statistics.clustered_intervals import (
    FEW,
    Clusters,
    quantiles,
    rate_intervals,
    ratio,
    wilson,
)
from plg_statistics.pql_proof_input import BACKTEST, ProofSettings, as_table

AUC_ROUNDS = 200  # the area is the one figure that needs a pass over all rows a resample
TIERS = ("hot", "warm", "watching", "none")


def backtest(
    landmarks: pa.Table,
    thresholds: pa.Table,
    settings: ProofSettings,
    inputs_hash: str = "",
    tiers: Sequence[str] = TIERS,
) -> pa.Table:
    """`landmarks`: model_key, account_id, landmark_date, points, score_10, tier, is_mature,
    is_converted. `thresholds`: model_key, threshold_points. `tiers`: from the most points to the
    fewest. Returns `BACKTEST`."""
    rows: list[dict] = []
    models = landmarks["model_key"].to_numpy(zero_copy_only=False)
    for model_key in sorted(set(models.tolist())):
        of_model = landmarks.filter(pa.array(models == model_key))
        bounds = sorted(
            float(row["threshold_points"])
            for row in thresholds.to_pylist()
            if row["model_key"] == model_key
        )
        rows += [
            {"model_key": model_key} | row for row in _of_model(of_model, bounds, settings, tiers)
        ]
    return as_table(rows, BACKTEST, inputs_hash)


def numbers(table: pa.Table, name: str) -> np.ndarray:
    """A column as floats, decimals too."""
    return np.array(table[name].cast(pa.float64()).to_numpy(zero_copy_only=False))


def texts(table: pa.Table, name: str) -> np.ndarray:
    """A column as an array of objects."""
    return np.array(table[name].to_pylist(), dtype=object)


def flags(table: pa.Table, name: str) -> np.ndarray:
    """A column as booleans."""
    return np.array(table[name].to_pylist(), dtype=bool)


def days(table: pa.Table, name: str) -> np.ndarray:
    """A column as whole days."""
    return np.array(table[name].to_pylist(), dtype="datetime64[D]")


def deciles(points: np.ndarray) -> np.ndarray:
    """1 (highest) to 10 for each; equal points share the decile of their mid-rank."""
    n = len(points)
    if not n:
        return np.zeros(0, dtype=int)
    _, place, count = np.unique(points, return_inverse=True, return_counts=True)
    above = n - np.cumsum(count)
    of_the_middle = above + (count - 1) / 2  # place from 0, from the top
    of_value = np.floor(10 * of_the_middle / n).astype(int) + 1
    return of_value[place]


def held_out_from(dates: np.ndarray, share: float) -> np.datetime64 | None:
    """First day of the latest windows that hold `share` of the observations; None without any.

    Whole days: observations of a day are on one side.
    """
    if len(dates) < 2:
        return None
    ordered = np.sort(dates)
    first = ordered[min(len(ordered) - 1, int(np.floor(len(ordered) * (1 - share))))]
    return first if first > ordered[0] else None


def auc(points: np.ndarray, converted: np.ndarray) -> float:
    """Chance that a converted observation has more points than another, equals half; NaN if one
    kind is missing."""
    return _Ranked(points, converted).auc(np.ones(len(points)))


class _Ranked:
    """Observations in the order of their points, sorted once for all resamples."""

    def __init__(self, points: np.ndarray, converted: np.ndarray):
        self.place = np.unique(points, return_inverse=True)[1]
        self.size = int(self.place.max()) + 1 if len(points) else 0
        self.converted = converted

    def auc(self, weights: np.ndarray) -> float:
        positive = np.bincount(self.place, weights=weights * self.converted, minlength=self.size)
        negative = np.bincount(self.place, weights=weights * ~self.converted, minlength=self.size)
        pairs = positive.sum() * negative.sum()
        if not pairs:
            return float("nan")
        below = np.cumsum(negative) - negative
        return float((positive * (below + negative / 2)).sum() / pairs)


def auc_resamples(
    scores: list[np.ndarray], converted: np.ndarray, clusters: Clusters, rounds: int = AUC_ROUNDS
) -> np.ndarray:
    """(round, score): areas of several scores on the same resamples."""
    ranked = [_Ranked(score, converted) for score in scores]
    found: list[list[float]] = []
    for draw in clusters.draws():
        for counts in draw[: rounds - len(found)]:
            weights = counts[clusters.of_row].astype(float)
            found.append([one.auc(weights) for one in ranked])
        if len(found) >= rounds:
            break
    return np.array(found)


def _of_model(
    landmarks: pa.Table, bounds: list[float], settings: ProofSettings, tiers: Sequence[str]
) -> list[dict]:
    mature = flags(landmarks, "is_mature")
    immature = int((~mature).sum())
    known = landmarks.filter(pa.array(mature))
    points, converted = numbers(known, "points"), flags(known, "is_converted")
    accounts, score_10 = texts(known, "account_id"), numbers(known, "score_10").astype(int)
    tier = texts(known, "tier")
    clusters = Clusters(accounts, settings.bootstrap_rounds)

    decile = deciles(points)
    tiers = [name for name in tiers if (tier == name).any()]
    cuts: list[tuple[str, str, int, float | None, np.ndarray]] = [
        ("tier", name, place, None, tier == name) for place, name in enumerate(tiers)
    ]
    cuts += [
        ("threshold", f">= {bound:g}", place, bound, points >= bound)
        for place, bound in enumerate(bounds)
    ]
    cuts += [("decile", f"decile {d}", d, None, decile == d) for d in range(1, 11)]
    cuts += [("score_10", f"score {s}", s, None, score_10 == s) for s in range(1, 11)]
    cuts = [cut for cut in cuts if cut[0] in ("tier", "threshold") or cut[4].any()]

    overall = {
        "sample": "all",
        "count_observed": len(points),
        "count_accounts": clusters.count,
        "count_conversions": int(converted.sum()),
        "count_immature": immature,
    }
    rows = [overall | _whole_model(points, converted, clusters, settings)]
    if len(points):
        selected = np.column_stack([cut[4] for cut in cuts])
        measured = _confusions(selected, converted, clusters, settings)
        for i, (cut_type, cut, order, bound, _) in enumerate(cuts):
            rows.append(
                overall
                | {"cut_type": cut_type, "cut": cut, "cut_order": order, "threshold_points": bound}
                | {name: values[i] for name, values in measured.items()}
            )
        _gains(rows)
        _compare_tiers(rows, selected[:, : len(tiers)], converted, clusters, settings)
    rows += _calibration(known, points, converted, accounts, score_10, settings, immature)
    return rows


def _whole_model(points, converted, clusters: Clusters, settings: ProofSettings) -> dict[str, Any]:
    area = auc(points, converted)
    low = high = np.array([np.nan])
    if area == area and clusters.count > 1:
        resamples = auc_resamples([points], converted, clusters)
        low, high = quantiles(resamples, settings.confidence_level)
    total = int(converted.sum())
    rate = total / len(points) if len(points) else float("nan")
    return {
        "cut_type": "model", "cut": "all", "cut_order": 0,
        "n": len(points), "n_accounts": clusters.count,
        "true_positives": total, "false_positives": len(points) - total,
        "false_negatives": 0, "true_negatives": 0,
        "precision": rate,
        "auc": area, "auc_low": low[0], "auc_high": high[0],
    }  # fmt: skip


def _confusions(
    selected: np.ndarray, converted: np.ndarray, clusters: Clusters, settings: ProofSettings
) -> dict[str, np.ndarray]:
    """Confusion tables and what they say, one for each column of `selected`."""
    confidence = settings.confidence_level
    hits = selected & converted[:, None]
    everybody = np.column_stack([np.ones(len(converted), dtype=bool), converted])
    n, tp = selected.sum(axis=0), hits.sum(axis=0)
    total, positives = len(converted), int(converted.sum())
    negatives = total - positives
    cuts = selected.shape[1]
    sampled = clusters.resampled(np.column_stack([selected, hits, everybody]))
    some, some_hits = sampled[:, :cuts], sampled[:, cuts : 2 * cuts]
    all_n, all_positives = sampled[:, -2:-1], sampled[:, -1:]

    precision, precision_low, precision_high = rate_intervals(
        tp, n, clusters.holding(selected), some_hits, some, confidence
    )
    holding_positives = int(clusters.holding(converted[:, None])[0])
    recall, recall_low, recall_high = rate_intervals(
        tp, np.full(cuts, positives), np.full(cuts, holding_positives),
        some_hits, np.broadcast_to(all_positives, some.shape), confidence,
    )  # fmt: skip
    holding_negatives = int(clusters.holding(~converted[:, None])[0])
    false_rate, false_low, false_high = rate_intervals(
        n - tp, np.full(cuts, negatives), np.full(cuts, holding_negatives),
        some - some_hits, np.broadcast_to(all_n - all_positives, some.shape), confidence,
    )  # fmt: skip
    base = positives / total
    lift = ratio(precision, base)
    lift_low, lift_high = quantiles(
        ratio(ratio(some_hits, some), ratio(all_positives, all_n)), confidence
    )
    few = (np.minimum(tp, n - tp) < FEW) | ~np.isfinite(lift_low)
    lift_low = np.where(few, ratio(precision_low, base), lift_low)
    lift_high = np.where(few, ratio(precision_high, base), lift_high)
    return {
        "n": n, "n_accounts": clusters.holding(selected),
        "true_positives": tp, "false_positives": n - tp,
        "false_negatives": positives - tp, "true_negatives": negatives - (n - tp),
        "selection_rate": n / total,
        "precision": precision, "precision_low": precision_low, "precision_high": precision_high,
        "recall": recall, "recall_low": recall_low, "recall_high": recall_high,
        "false_positive_rate": false_rate,
        "false_positive_rate_low": false_low, "false_positive_rate_high": false_high,
        "lift": lift, "lift_low": lift_low, "lift_high": lift_high,
    }  # fmt: skip


def _gains(rows: list[dict]) -> None:
    """Cumulative share of the conversions: a threshold's recall; deciles from the best down."""
    so_far = 0
    for row in rows:
        if row["cut_type"] == "threshold":
            row["gain"] = row["recall"]
        elif row["cut_type"] == "decile":
            so_far += row["true_positives"]
            row["gain"] = float(ratio(np.array(so_far), np.array(row["count_conversions"])))


def _compare_tiers(rows, selected, converted, clusters: Clusters, settings: ProofSettings) -> None:
    """How much more of a tier converts than of the tier below it, on the same resamples."""
    tier_rows = [row for row in rows if row["cut_type"] == "tier"]
    if len(tier_rows) < 2:
        return
    tiers = selected.shape[1]
    sampled = clusters.resampled(np.column_stack([selected, selected & converted[:, None]]))
    rates = ratio(sampled[:, tiers:], sampled[:, :tiers])
    low, high = quantiles(rates[:, :-1] - rates[:, 1:], settings.confidence_level)
    for i, row in enumerate(tier_rows[:-1]):
        row["above_next"] = row["precision"] - tier_rows[i + 1]["precision"]
        row["above_next_low"], row["above_next_high"] = low[i], high[i]


def _calibration(
    known: pa.Table, points, converted, accounts, score_10, settings: ProofSettings, immature: int
) -> list[dict]:
    """Predicted against observed in the latest windows; nothing where the earlier ones, over by
    then, have no conversion or nothing but."""
    dates = days(known, "landmark_date")
    first = held_out_from(dates, settings.held_out_share)
    if first is None:
        return []
    late = dates >= first
    early = dates + np.timedelta64(settings.landmark_every_days, "D") < first
    if len(set(converted[early].tolist())) < 2 or len(set(points[early].tolist())) < 2:
        return []
    from sklearn.linear_model import LogisticRegression

    scale = max(float(np.abs(points[early]).max()), 1.0)
    curve = LogisticRegression(C=1e4).fit(points[early, None] / scale, converted[early])
    predicted = curve.predict_proba(points[late, None] / scale)[:, 1]
    observed = converted[late]
    clusters = Clusters(accounts[late], settings.bootstrap_rounds)
    scores = sorted(set(score_10[late].tolist()))
    selected = np.column_stack([score_10[late] == score for score in scores])
    n, tp = selected.sum(axis=0), (selected & observed[:, None]).sum(axis=0)
    predicted_rate = ratio((selected * predicted[:, None]).sum(axis=0), n)
    overall = {
        "sample": "held_out",
        "count_observed": len(observed),
        "count_accounts": clusters.count,
        "count_conversions": int(observed.sum()),
        "count_immature": immature,
    }
    measured = _confusions(selected, observed, clusters, settings)
    error = float((n * np.abs(tp / n - predicted_rate)).sum() / n.sum())
    rows = [
        overall
        | {
            "cut_type": "model", "cut": "all", "cut_order": 0,
            "n": len(observed), "n_accounts": clusters.count,
            "true_positives": int(observed.sum()),
            "precision": float(observed.mean()), "predicted_rate": float(predicted.mean()),
            "auc": auc(points[late], observed),
            "brier_score": float(np.mean((predicted - observed) ** 2)),
            "calibration_error": error,
        }
    ]  # fmt: skip
    for i, score in enumerate(scores):
        rows.append(
            overall
            | {"cut_type": "score_10", "cut": f"score {score}", "cut_order": score}
            | {"predicted_rate": predicted_rate[i]}
            | {name: values[i] for name, values in measured.items()}
        )
    return rows


__all__ = ["auc", "backtest", "deciles", "held_out_from", "wilson"]
