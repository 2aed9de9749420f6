"""Which early event, how often, how soon, goes with staying: candidates for a milestone.

People who signed up are split into retained and lost by what they did in the outcome window
(from day 30 on). A candidate is an event done at least `min_count` times within `within_days` of
sign-up, or two such conditions together; all windows end before the outcome begins, so nothing
that is to be foretold is known (`DiscoverySettings` refuses others). Each candidate is a 2 × 2
table:

                 retained   lost
    reached         a         b       reach     = (a+b)/n
    not reached     c         d       base rate = (a+c)/n

    precision = a/(a+b)    recall = a/(a+c)    lift = precision / base rate
    score = reach × (lift - 1) = recall - reach

**Ranking.** Reach × lift by itself is the recall (a/(a+c), an identity): what everybody does on the
first day would win. With the lift as what it adds, the score is the share of retained people a
candidate brings beyond chance, "leverage" in G. Piatetsky-Shapiro, "Discovery, Analysis, and
Presentation of Strong Rules" (1991). It is the covariance of reaching and staying over the base
rate. Of nested candidates the true one has the largest: a looser one adds people who stay less
than average, a stricter one loses people who stay more.

**Intervals.** Precision and recall: Wilson. Difference in reach (and the score, which is that
times the share lost): Newcombe. Lift: the delta method on its logarithm (multinomial).

**Test.** Cochran-Mantel-Haenszel over the monthly cohorts: months that differ both in how many
reach something and in how many stay make no relation between the two.

**Many candidates.** Hundreds are tried, so one of them looks good by chance. Half of the error
allowed goes to the singles (Holm over those tried), half to the pairs (Bonferroni over all pairs
there could have been, as those tried were picked by the same data). What passes is looked at once
more in the latest cohorts, which had no part in choosing. A pair must beat its better half by more
than its interval.

People of one account count as independent, which they are not quite: intervals are a little too
narrow. Correlation only: a proposal is a reason for an experiment, never a change by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CURRENT = "current definition"

CANDIDATES = pa.schema(
    [
        ("candidate_key", pa.string()),
        ("kind", pa.string()),
        ("definition", pa.string()),
        ("event_name", pa.string()),
        ("min_count", pa.int32()),
        ("within_days", pa.int32()),
        ("second_event_name", pa.string()),
        ("second_min_count", pa.int32()),
        ("second_within_days", pa.int32()),
        ("candidate_rank", pa.int32()),
        ("people", pa.int64()),
        ("retained", pa.int64()),
        ("reached_retained", pa.int64()),
        ("reached_lost", pa.int64()),
        ("reach", pa.float64()),
        ("recall", pa.float64()),
        ("recall_low", pa.float64()),
        ("recall_high", pa.float64()),
        ("reach_lost_share", pa.float64()),
        ("reach_difference", pa.float64()),
        ("reach_difference_low", pa.float64()),
        ("reach_difference_high", pa.float64()),
        ("precision", pa.float64()),
        ("precision_low", pa.float64()),
        ("precision_high", pa.float64()),
        ("lift", pa.float64()),
        ("lift_low", pa.float64()),
        ("lift_high", pa.float64()),
        ("mutual_information_bits", pa.float64()),
        ("p_value", pa.float64()),
        ("p_value_adjusted", pa.float64()),
        ("score", pa.float64()),
        ("score_low", pa.float64()),
        ("score_high", pa.float64()),
        ("cohorts_checked", pa.int32()),
        ("cohorts_positive", pa.int32()),
        ("lowest_cohort_lift", pa.float64()),
        ("highest_cohort_lift", pa.float64()),
        ("held_out_people", pa.int64()),
        ("held_out_retained", pa.int64()),
        ("held_out_reached_retained", pa.int64()),
        ("held_out_reached_lost", pa.int64()),
        ("held_out_lift", pa.float64()),
        ("held_out_lift_low", pa.float64()),
        ("held_out_lift_high", pa.float64()),
        ("held_out_p_value", pa.float64()),
        ("held_out_gain", pa.float64()),
        ("held_out_gain_low", pa.float64()),
        ("held_out_gain_high", pa.float64()),
        ("is_value_event", pa.bool_()),
        ("is_supported", pa.bool_()),
        ("is_significant", pa.bool_()),
        ("is_stable", pa.bool_()),
        ("is_confirmed", pa.bool_()),
        ("is_better_than_its_halves", pa.bool_()),
        ("is_proposable", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class DiscoverySettings:
    """What is tried and what is asked of it; the seed `milestone_discovery_settings` in Python.

    Raises ValueError where a window reaches into the outcome: a candidate would know the future.
    """

    window_days: tuple[int, ...] = (1, 3, 7, 14)
    min_count: tuple[int, ...] = (1, 2, 3, 5, 10)
    outcome_from_day: int = 30
    min_support_people: int = 30
    min_cohort_people: int = 20
    held_out_share: float = 0.3
    confidence_level: float = 0.95
    family_error_rate: float = 0.05
    min_lift: float = 1.1
    min_stable_share: float = 0.75
    pair_pool: int = 12

    def __post_init__(self) -> None:
        longest = max(self.window_days, default=0)
        if longest > self.outcome_from_day:
            raise ValueError(
                f"window_days {longest} reaches beyond outcome_from_day {self.outcome_from_day}: "
                "a candidate must be over before what it foretells begins; "
                "shorten the window in milestone_discovery_settings"
            )
        if not 0 < self.held_out_share < 1:
            raise ValueError(
                f"held_out_share is {self.held_out_share}, must lie between 0 and 1: "
                "correct milestone_discovery_settings"
            )

    @classmethod
    def of(cls, rows: Sequence[tuple[str, float]]) -> "DiscoverySettings":
        """From (setting, value) rows; names this class does not know are for the SQL models."""
        given: dict[str, list[float]] = {}
        for setting, value in rows:
            given.setdefault(setting, []).append(float(value))
        arguments: dict[str, Any] = {}
        for field in fields(cls):
            values = given.get(field.name)
            if values is None:
                continue
            if field.name in ("window_days", "min_count"):
                arguments[field.name] = tuple(sorted(int(value) for value in values))
            elif len(values) > 1:
                raise ValueError(
                    f"milestone_discovery_settings has {len(values)} rows of {field.name}: keep one"
                )
            else:
                arguments[field.name] = int(values[0]) if field.type is int else values[0]
        return cls(**arguments)


@dataclass(frozen=True)
class Condition:
    """An event at least `min_count` times within `within_days` × 24 hours of sign-up."""

    event_name: str
    min_count: int
    within_days: int

    def __str__(self) -> str:
        times = "once" if self.min_count == 1 else f"{self.min_count} times"
        unit = "day" if self.within_days == 1 else "days"
        return f"{self.event_name} {times} within {self.within_days} {unit}"


@dataclass(frozen=True)
class _Candidate:
    kind: str
    conditions: tuple[Condition, ...]

    @property
    def definition(self) -> str:
        return " and ".join(str(condition) for condition in self.conditions) or CURRENT


def _numpy(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    if isinstance(column, pa.ChunkedArray):
        return column.to_numpy()
    return column.to_numpy(zero_copy_only=False)


class _People:
    """The people in the order of their cohorts, and how often each did what within each window."""

    def __init__(self, people: pa.Table, counts: pa.Table, settings: DiscoverySettings):
        people = people.sort_by("person_id")  # sums in one order: the same last digit every time
        months = _numpy(people["cohort_month"]).astype("datetime64[D]")
        self.cohorts, self.cohort = np.unique(months, return_inverse=True)
        self.retained = _numpy(people["is_retained"]).astype(bool)
        self.is_current = _numpy(people["is_activated"]).astype(bool)
        self.held_out = self._latest(settings.held_out_share)

        counts = counts.filter(pc.is_in(counts["person_id"], people["person_id"].combine_chunks()))
        events = pa.array(sorted(pc.unique(counts["event_name"]).to_pylist()), pa.string())
        self.events: list[str] = events.to_pylist()
        self._event_place = {name: i for i, name in enumerate(self.events)}
        value_events = counts.filter(counts["is_value_event"])["event_name"]
        self.value_events = set(pc.unique(value_events).to_pylist())
        person = _numpy(pc.index_in(counts["person_id"], people["person_id"].combine_chunks()))
        event = _numpy(pc.index_in(counts["event_name"], events))
        window, count = _numpy(counts["window_days"]), _numpy(counts["count_events"])
        self.counts = {}
        for days in settings.window_days:
            dense = np.zeros((len(self.events), people.num_rows), dtype=np.int32)
            within = window == days
            dense[event[within], person[within]] = np.minimum(count[within], 2**31 - 1)
            self.counts[days] = dense

    def _latest(self, share: float) -> np.ndarray:
        """Whose cohort is among the latest that together hold at least `share`; never all."""
        sizes = np.bincount(self.cohort, minlength=len(self.cohorts))
        from_latest = np.cumsum(sizes[::-1])[::-1]
        enough = np.flatnonzero(from_latest >= share * len(self.cohort))
        first = max(int(enough[-1]), 1) if len(enough) else 1
        return self.cohort >= first

    def reached(self, candidate: _Candidate) -> np.ndarray:
        if candidate.kind == "current":
            return self.is_current
        found = np.ones(len(self.retained), dtype=bool)
        for condition in candidate.conditions:
            row = self._event_place[condition.event_name]
            found &= self.counts[condition.within_days][row] >= condition.min_count
        return found


def discover(people: pa.Table, counts: pa.Table, settings: DiscoverySettings) -> pa.Table:
    """All candidates with their figures (`CANDIDATES`), the best ranked first.

    `people`: person_id, cohort_month (date), is_retained, is_activated (by the definition in
    force, before the outcome begins): one row a person whose outcome is known. `counts`: person_id,
    event_name, window_days, count_events, is_value_event: rows of nothing may be left out.
    Empty where there are fewer people than twice the minimum support or all of one month, and
    where all or none are retained.
    The same input gives the same output; nothing is sampled.
    """
    retained = pc.sum(people["is_retained"]).as_py() or 0
    lost = people.num_rows - retained
    if people.num_rows < 2 * settings.min_support_people or not retained or not lost:
        return CANDIDATES.empty_table()
    known = _People(people, counts, settings)
    chosen = ~known.held_out
    if len(known.cohorts) < 2:
        return CANDIDATES.empty_table()
    if not known.retained[chosen].any() or known.retained[chosen].all():
        return CANDIDATES.empty_table()

    singles = [
        _Candidate("single", (Condition(event, count, days),))
        for event in known.events
        for days in settings.window_days  # the shorter window and the smaller count first
        for count in settings.min_count
    ]
    tables = _tables(known, singles)
    singles, tables = _without_repeats(known, singles, tables)
    pairs = _pairs(singles, _train(known, tables), settings, chosen, known)
    candidates = [*singles, *pairs, _Candidate("current", ())]
    tables = np.concatenate([tables, _tables(known, candidates[len(singles) :])])
    return _judged(known, candidates, tables, settings)


def _tables(known: _People, candidates: Sequence[_Candidate]) -> np.ndarray:
    """Who reached each candidate: (candidate, cohort, lost or retained)."""
    cohorts = len(known.cohorts)
    code = known.cohort * 2 + known.retained
    found = np.zeros((len(candidates), cohorts, 2), dtype=np.int64)
    for i, candidate in enumerate(candidates):
        found[i] = np.bincount(code[known.reached(candidate)], minlength=2 * cohorts).reshape(-1, 2)
    return found


def _without_repeats(
    known: _People, singles: Sequence[_Candidate], tables: np.ndarray
) -> tuple[list[_Candidate], np.ndarray]:
    """Without those nobody reached, and of those that hold the same people only the first.

    A count reached within one day holds the same people with a longer window where nobody
    reaches it later; tried twice it would only be corrected for twice.
    """
    seen = set()
    keep = []
    for i, candidate in enumerate(singles):
        same_people = np.packbits(known.reached(candidate)).tobytes()
        if tables[i].any() and same_people not in seen:
            seen.add(same_people)
            keep.append(i)
    return [singles[i] for i in keep], tables[keep]


def _train(known: _People, tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(reached and retained, reached and lost) over the cohorts that choose."""
    first_held_out = known.cohort[known.held_out].min()
    return tables[:, :first_held_out, 1].sum(axis=1), tables[:, :first_held_out, 0].sum(axis=1)


def _pairs(
    singles: Sequence[_Candidate],
    reached: tuple[np.ndarray, np.ndarray],
    settings: DiscoverySettings,
    chosen: np.ndarray,
    known: _People,
) -> list[_Candidate]:
    """Both of two conditions, of the best candidate of each of the best `pair_pool` events."""
    a, b = reached
    n, retained = chosen.sum(), known.retained[chosen].sum()
    score = a / retained - (a + b) / n
    best: dict[str, int] = {}
    for i in np.argsort(-score, kind="stable"):
        reaching = a[i] + b[i]
        if min(reaching, n - reaching) >= settings.min_support_people and score[i] > 0:
            best.setdefault(singles[i].conditions[0].event_name, int(i))
    pool = list(best.values())[: settings.pair_pool]
    return [
        _Candidate("pair", (singles[i].conditions[0], singles[j].conditions[0]))
        for i, j in combinations(pool, 2)
    ]


def _judged(
    known: _People,
    candidates: Sequence[_Candidate],
    tables: np.ndarray,
    settings: DiscoverySettings,
) -> pa.Table:
    chosen = ~known.held_out
    a, b = _train(known, tables)
    column: dict[str, Any] = _figures(
        a, b, int(known.retained[chosen].sum()), int(chosen.sum()), settings.confidence_level
    )
    late_a, late_b = (
        tables[:, :, 1].sum(axis=1) - a,
        tables[:, :, 0].sum(axis=1) - b,
    )
    late_n, late_retained = int(known.held_out.sum()), int(known.retained[known.held_out].sum())
    late = _lift(late_a, late_b, late_retained, late_n, settings.confidence_level)
    column |= {
        "held_out_people": np.full(len(a), late_n),
        "held_out_retained": np.full(len(a), late_retained),
        "held_out_reached_retained": late_a,
        "held_out_reached_lost": late_b,
        "held_out_lift": late[0],
        "held_out_lift_low": late[1],
        "held_out_lift_high": late[2],
        "p_value": _p_values(known, tables, chosen),
        "held_out_p_value": _p_values(known, tables, known.held_out),
    }
    column |= _cohort_lifts(known, tables, settings)
    column |= _gains(known, candidates, settings)

    tried = np.array([candidate.kind != "current" for candidate in candidates])
    reaching = a + b
    supported = np.minimum(reaching, column["people"] - reaching) >= settings.min_support_people
    tested = tried & supported
    column["p_value_adjusted"] = adjusted = _adjusted(candidates, column["p_value"], tested)
    score = column["score"]
    singles = {c.conditions[0]: i for i, c in enumerate(candidates) if c.kind == "single"}
    halves = np.array(
        [
            max(score[singles[condition]] for condition in candidate.conditions)
            if candidate.kind == "pair"
            else -np.inf
            for candidate in candidates
        ]
    )
    with np.errstate(invalid="ignore"):
        column |= {
            "is_value_event": np.array(
                [
                    all(c.event_name in known.value_events for c in candidate.conditions)
                    for candidate in candidates
                ]
            ),
            "is_supported": supported,
            "is_significant": (adjusted <= settings.family_error_rate)
            & (column["lift_low"] >= settings.min_lift),
            "is_stable": (column["cohorts_checked"] >= 2)
            & (column["cohorts_positive"] >= settings.min_stable_share * column["cohorts_checked"]),
            "is_confirmed": (late_a + late_b >= settings.min_support_people / 3)
            & (column["held_out_lift_low"] > 1)
            & (column["held_out_p_value"] <= 1 - settings.confidence_level),
            "is_better_than_its_halves": column["score_low"] > halves,
        }
    column["is_proposable"] = tried & np.logical_and.reduce(
        [
            column[name]
            for name in (
                "is_value_event",
                "is_supported",
                "is_significant",
                "is_stable",
                "is_confirmed",
                "is_better_than_its_halves",
            )
        ]
    )
    return _as_table(candidates, column, tested)


def _adjusted(
    candidates: Sequence[_Candidate], p_values: np.ndarray, tested: np.ndarray
) -> np.ndarray:
    """Singles by Holm, pairs by Bonferroni over all there could have been; half the error each.

    The pairs tried are made of the singles that looked best in the same data: to correct for the
    few that were tried would forget the many that were not because they looked worse.
    """
    from statsmodels.stats.multitest import multipletests

    adjusted = np.full(len(candidates), np.nan)
    p_values = np.nan_to_num(p_values, nan=1.0)
    kinds = np.array([candidate.kind for candidate in candidates])
    singles, pairs = tested & (kinds == "single"), tested & (kinds == "pair")
    if singles.any():
        adjusted[singles] = np.minimum(2 * multipletests(p_values[singles], method="holm")[1], 1)
    events = [candidates[i].conditions[0].event_name for i in np.flatnonzero(singles)]
    of_each = np.unique(events, return_counts=True)[1]
    possible_pairs = (len(events) ** 2 - int((of_each**2).sum())) // 2
    adjusted[pairs] = np.minimum(2 * possible_pairs * p_values[pairs], 1)
    return adjusted


def _figures(a, b, retained: int, n: int, confidence: float) -> dict[str, np.ndarray]:
    """What the 2 × 2 tables say; `a`, `b`: retained and lost people who reached each."""
    from scipy.special import xlogy
    from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

    alpha = 1 - confidence
    lost = n - retained
    reaching = a + b
    cells = np.stack([a, b, retained - a, lost - b]) / n
    rows = np.stack([reaching, reaching, n - reaching, n - reaching]) / n
    columns = np.array([retained, lost, retained, lost])[:, None] / n
    # nats; 0 × log 0 is 0, and a cell's margins are 0 only where the cell is
    information = (
        xlogy(cells, cells) - xlogy(cells, np.maximum(rows, 1e-300)) - xlogy(cells, columns)
    ).sum(axis=0)
    information = np.maximum(information, 0)
    recall = a / retained
    reach_lost = b / lost
    difference = confint_proportions_2indep(
        a, np.full(len(a), retained), b, np.full(len(b), lost), method="newcomb", alpha=alpha
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(reaching > 0, a / np.maximum(reaching, 1), np.nan)
    precision_low, precision_high = proportion_confint(
        a, np.maximum(reaching, 1), alpha=alpha, method="wilson"
    )
    recall_low, recall_high = proportion_confint(
        a, np.full(len(a), retained), alpha=alpha, method="wilson"
    )
    lift, lift_low, lift_high = _lift(a, b, retained, n, confidence)
    return {
        "people": np.full(len(a), n),
        "retained": np.full(len(a), retained),
        "reached_retained": a,
        "reached_lost": b,
        "reach": reaching / n,
        "recall": recall,
        "recall_low": recall_low,
        "recall_high": recall_high,
        "reach_lost_share": reach_lost,
        "reach_difference": recall - reach_lost,
        "reach_difference_low": difference[0],
        "reach_difference_high": difference[1],
        "precision": precision,
        "precision_low": precision_low,
        "precision_high": precision_high,
        "lift": lift,
        "lift_low": lift_low,
        "lift_high": lift_high,
        "mutual_information_bits": information / np.log(2),
        "score": recall - reaching / n,
        "score_low": lost / n * difference[0],
        "score_high": lost / n * difference[1],
    }


def _p_values(known: _People, tables: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Cochran-Mantel-Haenszel test of each candidate over the cohorts of `of`; NaN without any.

    A cohort in which all or none reach it or stay says nothing and is left out.
    """
    from statsmodels.stats.contingency_tables import StratifiedTable

    cohorts = np.unique(known.cohort[of])
    retained = np.bincount(known.cohort, weights=known.retained)[cohorts]
    lost = np.bincount(known.cohort, weights=~known.retained)[cohorts]
    found = np.full(len(tables), np.nan)
    for i, table in enumerate(tables[:, cohorts].astype(float)):
        a, b = table[:, 1], table[:, 0]
        cells = np.array([[a, b], [retained - a, lost - b]])
        telling = (cells.sum(axis=0) > 0).all(axis=0) & (cells.sum(axis=1) > 0).all(axis=0)
        if telling.any():
            stratified = StratifiedTable(cells[:, :, telling])
            found[i] = stratified.test_null_odds(correction=False).pvalue
    return found


def _lift(a, b, retained: int, n: int, confidence: float) -> tuple[np.ndarray, ...]:
    """Precision over base rate, with the interval of its logarithm by the delta method.

    NaN where nobody reached it or nobody is retained; no interval where nobody did both.
    """
    from scipy.stats import norm

    with np.errstate(divide="ignore", invalid="ignore"):
        reaching = (a + b).astype(float)
        lift = a * n / (reaching * retained)
        of_both = 1 / a - 1 / reaching - 1 / retained
        variance = (
            a * of_both**2 + b / reaching**2 + (retained - a) / float(retained or 1) ** 2 - 1 / n
        )
        spread = norm.ppf(0.5 + confidence / 2) * np.sqrt(np.maximum(variance, 0))
        return lift, lift * np.exp(-spread), lift * np.exp(spread)


def _cohort_lifts(
    known: _People, tables: np.ndarray, settings: DiscoverySettings
) -> dict[str, np.ndarray]:
    """In how many of the choosing cohorts the lift is above 1; those large enough count."""
    size = np.bincount(known.cohort, minlength=len(known.cohorts))
    retained = np.bincount(known.cohort, weights=known.retained, minlength=len(known.cohorts))
    first_held_out = known.cohort[known.held_out].min()
    counted = np.flatnonzero(
        (size >= settings.min_cohort_people)
        & (retained > 0)
        & (np.arange(len(size)) < first_held_out)
    )
    reached_retained = tables[:, counted, 1]
    reaching = tables[:, counted, :].sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = reached_retained / reaching * (size / retained)[counted]
    checked = reaching > 0
    some = checked.any(axis=1)
    lowest, highest = np.full(len(tables), np.nan), np.full(len(tables), np.nan)
    if some.any():  # numpy has no smallest of nothing
        lowest[some] = np.nanmin(lift[some], axis=1)
        highest[some] = np.nanmax(lift[some], axis=1)
    return {
        "cohorts_checked": checked.sum(axis=1),
        "cohorts_positive": (checked & (np.nan_to_num(lift) > 1)).sum(axis=1),
        "lowest_cohort_lift": lowest,
        "highest_cohort_lift": highest,
    }


def _gains(
    known: _People, candidates: Sequence[_Candidate], settings: DiscoverySettings
) -> dict[str, np.ndarray]:
    """Held-out score less that of the definition in force, over the same people.

    Person by person, so that what both reach cancels: the mean of (reached - reached the
    current one) × (retained - base rate), over the base rate.
    """
    from scipy.stats import norm

    late = known.held_out
    retained = known.retained[late].astype(float)
    base = retained.mean()
    gain = np.full((3, len(candidates)), np.nan)
    if base > 0:
        weight = (retained - base) / base
        current = known.is_current[late].astype(float)
        half_width = norm.ppf(0.5 + settings.confidence_level / 2) / np.sqrt(len(retained))
        for i, candidate in enumerate(candidates):
            each = (known.reached(candidate)[late] - current) * weight
            mean, spread = each.mean(), half_width * each.std()
            gain[:, i] = mean, mean - spread, mean + spread
    return {
        "held_out_gain": gain[0],
        "held_out_gain_low": gain[1],
        "held_out_gain_high": gain[2],
    }


def _as_table(
    candidates: Sequence[_Candidate], column: dict[str, np.ndarray], ranked: np.ndarray
) -> pa.Table:
    """Ranked by score; of equals the one with fewer conditions, shorter window, smaller count."""

    def simplicity(i: int) -> tuple:
        conditions = candidates[i].conditions
        return (
            len(conditions),
            [c.within_days for c in conditions],
            [c.min_count for c in conditions],
            [c.event_name for c in conditions],
        )

    order = sorted(
        range(len(candidates)),
        key=lambda i: (not ranked[i], -round(float(column["score"][i]), 12), simplicity(i)),
    )
    rank = np.zeros(len(candidates), dtype=int)
    rank[order] = np.arange(1, len(candidates) + 1)
    rows: dict[str, list] = {name: [] for name in CANDIDATES.names}
    for i in order:
        candidate = candidates[i]
        first, second = (*candidate.conditions, None, None)[:2]
        named = {
            "candidate_key": candidate.definition,
            "kind": candidate.kind,
            "definition": candidate.definition,
            "candidate_rank": int(rank[i]) if ranked[i] else None,
        }
        for prefix, condition in (("", first), ("second_", second)):
            for name in ("event_name", "min_count", "within_days"):
                named[prefix + name] = getattr(condition, name) if condition else None
        for name in CANDIDATES.names:
            value = named[name] if name in named else column[name][i].item()
            rows[name].append(None if value != value else value)
    return pa.table(rows, schema=CANDIDATES)
