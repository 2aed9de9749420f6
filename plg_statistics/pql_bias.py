"""Does a scoring model treat groups of accounts alike? Rates by group against the best group's.

For every group (a segment, a region, an entry model) at a bound: how many are selected, how many
of the selected pay (precision), how many of those who pay were selected (recall), how many of the
others were (false-positive rate). The ratio is to the group with the highest rate, or for the
false-positive rate the lowest to the group's, so that 1 is best everywhere.

A ratio under four fifths is the rule of thumb of 29 CFR 1607.4(D): `watch`; where the whole
interval lies under it, `act`. Groups of fewer accounts than `min_group_size` are `too_few`, never
the best, and judged by nobody. Differences in selection alone are no wrong where the groups
differ in how many pay: that is what precision and recall beside it tell.

Accounts are resampled whole; the best group is the one that is best in the data.
"""

import numpy as np
import pyarrow as pa

from plg_statistics.clustered_intervals import Clusters, quantiles, rate_intervals, ratio
from plg_statistics.pql_backtest import flags, numbers, texts
from plg_statistics.pql_proof_input import BIAS, ProofSettings, as_table

DIMENSIONS = ("segment", "region", "entry_model")
MEASURES = ("selection_rate", "precision", "recall", "false_positive_rate")


def bias_review(
    landmarks: pa.Table, thresholds: pa.Table, settings: ProofSettings, inputs_hash: str = ""
) -> pa.Table:
    """`landmarks` as for the backtest, with the columns of `DIMENSIONS`; `thresholds`: model_key,
    threshold_points, tier: those with a tier are reviewed. Returns `BIAS`."""
    rows: list[dict] = []
    mature = landmarks.filter(pa.array(flags(landmarks, "is_mature")))
    models = texts(mature, "model_key")
    model_key, of_model, clusters = None, mature, None
    for bound in sorted(
        (row for row in thresholds.to_pylist() if row["tier"]),
        key=lambda row: (row["model_key"], -float(row["threshold_points"])),
    ):
        if clusters is None or model_key != bound["model_key"]:
            model_key = bound["model_key"]
            of_model = mature.filter(pa.array(models == model_key))
            clusters = Clusters(texts(of_model, "account_id"), settings.bootstrap_rounds)
        if not of_model.num_rows:
            continue
        threshold = float(bound["threshold_points"])
        selected = numbers(of_model, "points") >= threshold
        converted = flags(of_model, "is_converted")
        for dimension in DIMENSIONS:
            groups = texts(of_model, dimension)
            for row in _of_dimension(groups, selected, converted, clusters, settings):
                rows.append(
                    {
                        "model_key": bound["model_key"],
                        "cut": bound["tier"],
                        "threshold_points": threshold,
                        "dimension": dimension,
                    }
                    | row
                )
    return as_table(rows, BIAS, inputs_hash)


def _of_dimension(groups, selected, converted, clusters: Clusters, settings: ProofSettings):
    values = sorted(set(groups.tolist()))
    inside = np.column_stack([groups == value for value in values])
    parts = {  # numerator, denominator
        "selection_rate": (inside & selected[:, None], inside),
        "precision": (inside & (selected & converted)[:, None], inside & selected[:, None]),
        "recall": (inside & (selected & converted)[:, None], inside & converted[:, None]),
        "false_positive_rate": (
            inside & (selected & ~converted)[:, None],
            inside & ~converted[:, None],
        ),
    }
    width = len(values)
    stacked = np.column_stack([part for both in parts.values() for part in both])
    sampled = clusters.resampled(stacked)
    for place, (measure, (numerator, denominator)) in enumerate(parts.items()):
        some = sampled[:, 2 * place * width : (2 * place + 1) * width]
        of_all = sampled[:, (2 * place + 1) * width : (2 * place + 2) * width]
        accounts = clusters.holding(denominator)
        rate, low, high = rate_intervals(
            numerator.sum(axis=0), denominator.sum(axis=0), accounts, some, of_all,
            settings.confidence_level,
        )  # fmt: skip
        enough = (accounts >= settings.min_group_size) & np.isfinite(rate)
        is_lower_better = measure == "false_positive_rate"
        ratios, ratio_low, ratio_high = (np.full(width, np.nan) for _ in range(3))
        best = None
        if enough.any():
            ranked = np.where(enough, -rate if is_lower_better else rate, -np.inf)
            best = int(np.argmax(ranked))
            rates = ratio(some, of_all)
            over_best = [ratio(rate, rate[best]), ratio(rates, rates[:, [best]])]
            if is_lower_better:
                over_best = [ratio(rate[best], rate), ratio(rates[:, [best]], rates)]
            ratios = over_best[0]
            ratio_low, ratio_high = quantiles(over_best[1], settings.confidence_level)
        for i, value in enumerate(values):
            flag = "too_few"
            if enough[i] and np.isfinite(ratios[i]):
                flag = "ok"
                if ratios[i] < settings.four_fifths_ratio:
                    certain = ratio_high[i] < settings.four_fifths_ratio
                    flag = "act" if certain else "watch"
            elif enough[i]:
                flag = "ok"  # nobody selected anywhere: nobody is behind
            yield {
                "dimension_value": value,
                "measure": measure,
                "n": int(denominator[:, i].sum()),
                "n_accounts": int(accounts[i]),
                "value": rate[i],
                "low": low[i],
                "high": high[i],
                "best_value": None if best is None else values[best],
                "ratio_to_best": ratios[i] if enough[i] else None,
                "ratio_low": ratio_low[i] if enough[i] else None,
                "ratio_high": ratio_high[i] if enough[i] else None,
                "flag": flag,
            }
