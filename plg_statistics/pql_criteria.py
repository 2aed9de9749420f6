"""What did the last customers do in the days before they paid, that comparable others did not?

Each conversion stands with the accounts compared with it (a matched set): signed up at about the
same time, as many days active, at risk on the day of the payment, not paying soon after. An
action is an event done at least `min_count` times within a window of days before that day.

    presence   share of the conversions with the action
    base rate  mean over the sets of the share of the set's controls with it
    lift       presence / base rate

**Test.** Cochran-Mantel-Haenszel with a set as a stratum, the score test of a conditional
logistic regression on one action (N. E. Breslow, N. E. Day, "Statistical Methods in Cancer
Research" I, 1980, ch. 5 and 7): what sets differ in cannot make a difference. Holm over all
actions, counts and windows tried. One sided questions are not asked: an action rarer before a
payment has a lift below 1.

**Intervals** resample sets. Half a set is added to either share in the lift's, so that an action
no control ever did has an interval too; presence and base rate as in `clustered_intervals`.

A criterion is in at least `criteria_presence` of the conversions, passes the test, and its lift's
lower end is at least `criteria_min_lift`. Correlation only: not that doing it makes anybody pay.
"""

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from plg_statistics.clustered_intervals import Clusters, quantiles, rate_intervals, ratio
from plg_statistics.comparisons import holm
from plg_statistics.pql_backtest import flags, texts
from plg_statistics.pql_proof_input import CRITERIA, ProofSettings, as_table


def criteria(
    members: pa.Table, actions: pa.Table, settings: ProofSettings, inputs_hash: str = ""
) -> pa.Table:
    """`members`: conversion_account_id, account_id, is_conversion. `actions`: the same two keys,
    window_key, event_name, count_events. Conversions without a control are left out.
    Returns `CRITERIA`, best first."""
    sets, accounts = texts(members, "conversion_account_id"), texts(members, "account_id")
    is_conversion = flags(members, "is_conversion")
    with_controls = set(sets[~is_conversion].tolist())
    kept = np.array([name in with_controls for name in sets], dtype=bool)
    sets, accounts, is_conversion = sets[kept], accounts[kept], is_conversion[kept]
    row_of = {pair: i for i, pair in enumerate(zip(sets, accounts, strict=True))}
    counts: dict[tuple[str, str], np.ndarray] = {}
    for row in actions.to_pylist():
        place = row_of.get((row["conversion_account_id"], row["account_id"]))
        if place is None:
            continue
        key = (row["window_key"], row["event_name"])
        counts.setdefault(key, np.zeros(len(sets)))[place] += row["count_events"]
    tried = [
        (window, event, min_count, counts[window, event] >= min_count)
        for window, event in sorted(counts)
        for min_count in settings.criteria_min_count
    ]
    tried = [one for one in tried if one[3].any()]
    if not tried:
        return as_table([], CRITERIA, inputs_hash)
    rows = _judged(tried, sets, is_conversion, settings)
    rows.sort(
        key=lambda row: (
            not row["is_criterion"], row["p_value_adjusted"], -row["lift_low"],
            row["event_name"], row["min_count"], row["window_key"],
        )
    )  # fmt: skip
    for place, row in enumerate(rows, start=1):
        row["place"] = place
    return as_table(rows, CRITERIA, inputs_hash)


def _judged(tried, sets, is_conversion, settings: ProofSettings) -> list[dict]:
    confidence = settings.confidence_level
    done = np.column_stack([one[3] for one in tried])
    clusters = Clusters(sets, settings.bootstrap_rounds)
    n_sets, width = clusters.count, done.shape[1]
    controls_of_set = clusters.totals((~is_conversion)[:, None])[:, 0]
    # of each set: whether the conversion did it, and the share of its controls that did
    cases = clusters.totals(done & is_conversion[:, None])
    controls = clusters.totals(done & ~is_conversion[:, None])
    shares = controls / controls_of_set[:, None]

    one_each = np.arange(n_sets)
    by_set = Clusters(one_each, settings.bootstrap_rounds)
    sampled = by_set.resampled(np.column_stack([cases, shares]))
    trials = np.full(width, n_sets)
    sampled_trials = np.full((settings.bootstrap_rounds, width), n_sets)
    presence, presence_low, presence_high = rate_intervals(
        cases.sum(axis=0), trials, trials, sampled[:, :width], sampled_trials, confidence
    )
    base, base_low, base_high = rate_intervals(
        shares.sum(axis=0), trials, trials, sampled[:, width:], sampled_trials, confidence
    )
    lift = ratio(presence, base)
    lift_low, lift_high = quantiles(
        ratio(sampled[:, :width] + 0.5, sampled[:, width:] + 0.5), confidence
    )
    p_values = _cmh(cases, controls, controls_of_set)
    adjusted = holm(p_values.tolist())
    rows = []
    for i, (window, event, min_count, _) in enumerate(tried):
        present_enough = bool(presence[i] >= settings.criteria_presence)
        significant = bool(
            adjusted[i] <= settings.family_error_rate and lift_low[i] >= settings.criteria_min_lift
        )
        rows.append(
            {
                "window_key": window, "event_name": event, "min_count": min_count,
                "conversions": n_sets, "controls": int(controls_of_set.sum()),
                "conversions_with": int(cases[:, i].sum()),
                "controls_with": int(controls[:, i].sum()),
                "presence": presence[i],
                "presence_low": presence_low[i], "presence_high": presence_high[i],
                "base_rate": base[i], "base_rate_low": base_low[i], "base_rate_high": base_high[i],
                "lift": lift[i],
                # an interval always holds its own estimate
                "lift_low": float(np.fmin(lift_low[i], lift[i])),
                "lift_high": float(np.fmax(lift_high[i], lift[i])),
                "p_value": p_values[i], "p_value_adjusted": adjusted[i],
                "is_present_enough": present_enough, "is_significant": significant,
                "is_criterion": present_enough and significant,
            }
        )  # fmt: skip
    return rows


def _cmh(cases: np.ndarray, controls: np.ndarray, controls_of_set: np.ndarray) -> np.ndarray:
    """Two-sided p of each action (column); sets are strata of one case and some controls.

    A set in which all or none did it says nothing. No continuity correction.
    """
    size = controls_of_set[:, None] + 1
    did = cases + controls
    expected = did / size
    # hypergeometric with one case: variance of whether the case is among those who did
    variance = expected * (1 - expected)
    spread = np.sqrt(variance.sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (cases - expected).sum(axis=0) / spread
    return np.where(spread > 0, 2 * norm.sf(np.abs(z)), 1.0)
