"""Retention of revenue counted the slow way: loops over one account's movements at a time.

Shares no code with the models; reads nothing but movements and what accounts are. An account's
balance is the sum of its movements so far, a window is every movement between two ends of months.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

DIMENSIONS = ("all", "cohort", "segment", "plan", "motion", "sourcing", "plg_cohort")
ZERO = Decimal(0)


@dataclass
class Account:
    """`movements`: (day, type, cause, signed amount), in any order; `plans` by first of month."""

    account_id: str
    movements: list[tuple[date, str, str, Decimal]]
    segment: str = "unknown"
    sourcing: str = "unknown"
    is_sales_assisted: bool = False
    sales_assisted_at: datetime | None = None
    closing_motion: str = "self_serve"
    plans: dict[date, str] = field(default_factory=dict)
    joined: list[datetime] = field(default_factory=list)

    @property
    def cohort(self) -> date:
        return min(day for day, *_ in self.movements).replace(day=1)

    def balance(self, before: date) -> Decimal:
        """What it pays when the day before begins to end: movements before `before`."""
        return sum((amount for day, *_, amount in self.movements if day < before), ZERO)

    def between(self, first: date, end: date) -> dict[str, Decimal]:
        found: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for day, kind, _, amount in self.movements:
            if first <= day < end:
                found[kind] += abs(amount) if kind != "fx" else amount
        return found

    def churn_days(self, first: date, end: date) -> set[date]:
        return {d for d, kind, *_ in self.movements if kind == "churn" and first <= d < end}

    def last_plan(self, month: date) -> str:
        """What it paid for when it last did, up to the month."""
        return max(
            ((m, plan) for m, plan in self.plans.items() if m <= month), default=(0, "unknown")
        )[1]

    def motion(self, at: date) -> str:
        """What it was in the moment before the day `at` begins."""
        if not self.is_sales_assisted:
            return "self_serve"
        moment = datetime(at.year, at.month, at.day)
        sold = self.sales_assisted_at is None or self.sales_assisted_at < moment
        return "sales_assisted" if sold else "self_serve"

    def cuts(self, plan: str, motion: str) -> list[tuple[str, str]]:
        cohort = self.cohort.isoformat()[:7]
        return [
            ("all", "all"),
            ("cohort", cohort),
            ("segment", self.segment),
            ("plan", plan),
            ("motion", motion),
            ("sourcing", self.sourcing),
            ("plg_cohort", cohort if self.sourcing == "plg" else "not_plg_sourced"),
        ]


def add_months(month: date, count: int) -> date:
    place = month.year * 12 + month.month - 1 + count
    return date(place // 12, place % 12 + 1, 1)


def months_until(first: date, as_of: datetime) -> list[date]:
    """First days of months that had begun before `as_of`."""
    found = []
    while datetime(first.year, first.month, 1) < as_of:
        found.append(first)
        first = add_months(first, 1)
    return found


def window_of(account: Account, month: date, window: int) -> dict[str, Any] | None:
    """What an account that paid at the start did in the window; None when it paid nothing."""
    first, end = add_months(month, 1 - window), add_months(month, 1)
    start = account.balance(first)
    if start <= 0:
        return None
    moved = account.between(first, end)
    expansion, contraction, churn = moved["expansion"], moved["contraction"], moved["churn"]
    back, rate, late = moved["reactivation"], moved["fx"], moved["new"]
    # more cannot be lost than was there and was added by growth: cent by cent in the mind,
    # churn gives way first, and so does what was bought with the evening before, or came back
    too_much = max(ZERO, contraction + churn - start - expansion)
    churn, contraction = max(ZERO, churn - too_much), contraction - max(ZERO, too_much - churn)
    too_much -= min(too_much, late)
    back, rate = max(ZERO, back - too_much), rate - max(ZERO, too_much - back)
    net = start + expansion - contraction - churn
    has_churned = bool(account.churn_days(first, end))
    return {
        "start": start,
        "expansion": expansion,
        "contraction": contraction,
        "churn": churn,
        "reactivation": back,
        "fx": rate,
        "end": account.balance(end),
        "net": net,
        "gross": ZERO if has_churned else min(start, net),
        "has_churned": has_churned,
    }


def nrr(
    accounts: Iterable[Account], as_of: datetime, windows: Sequence[int], with_returns: bool = False
) -> dict[tuple, tuple]:
    """(month, window, dimension, value): amounts, numerators, counts; only where somebody paid."""
    sums: dict[tuple, list] = defaultdict(lambda: [ZERO] * 9 + [0] * 5)
    for account in accounts:
        for month in months_until(account.cohort, as_of):
            for window in windows:
                found = window_of(account, month, window)
                if found is None:
                    continue
                first = add_months(month, 1 - window)
                plan = account.plans.get(add_months(first, -1), "unknown")
                for cut in account.cuts(plan, account.motion(first)):
                    row = sums[(month, window, *cut)]
                    amounts = [
                        found[name]
                        for name in (
                            "start", "expansion", "contraction", "churn",
                            "reactivation", "fx", "end", "net", "gross",
                        )
                    ]  # fmt: skip
                    if with_returns:
                        amounts[7] += found["reactivation"]
                    flags = [
                        True,
                        found["expansion"] > 0,
                        found["contraction"] > 0,
                        found["has_churned"],
                        found["end"] > 0,
                    ]
                    for place, value in enumerate(amounts + flags):
                        row[place] += value
    return {key: tuple(row) for key, row in sums.items()}


def health(
    accounts: Iterable[Account], as_of: datetime, windows: Sequence[int], margin: float
) -> dict[tuple, dict[str, Any]]:
    """(month, window, dimension, value): counts, sums and rates; only where something is."""
    sums: dict[tuple, dict[str, Any]] = defaultdict(lambda: defaultdict(lambda: 0))
    for account in accounts:
        for month in months_until(account.cohort, as_of):
            end = add_months(month, 1)
            paid_plan = account.plans.get(month, "unknown")
            paying = account.balance(end)
            for window in windows:
                first = add_months(month, 1 - window)
                found = window_of(account, month, window)
                moved = account.between(first, end)
                started = found is not None
                if started:
                    plan = account.plans.get(add_months(first, -1), "unknown")
                else:
                    plan = paid_plan if paying > 0 else account.last_plan(month)
                for cut in account.cuts(plan, account.motion(first)):
                    row = sums[(month, window, *cut)]
                    row["starts"] += started
                    row["churned"] += bool(started and found["has_churned"])
                    row["movements"] += len(account.churn_days(first, end))
                    row["starting"] += found["start"] if started else ZERO
                    row["lost"] += found["start"] - found["gross"] if started else ZERO
                    for kind in ("new", "expansion", "reactivation", "contraction", "churn"):
                        row[kind] += moved[kind]
                    row["involuntary"] += sum(
                        -amount
                        for day, kind, cause, amount in account.movements
                        if first <= day < end and kind == "churn" and cause == "involuntary"
                    )
                if paying > 0:
                    for cut in account.cuts(paid_plan, account.motion(end)):
                        row = sums[(month, window, *cut)]
                        row["ends"] += 1
                        row["ending"] += paying
                        row["people"] += sum(
                            moment < datetime(end.year, end.month, 1) for moment in account.joined
                        )
    for key, row in sums.items():
        gained = row["new"] + row["expansion"] + row["reactivation"]
        gone = row["contraction"] + row["churn"]
        row["quick_ratio"] = float(gained) / float(gone) if gone else None
        row["logo_churn"] = row["churned"] / row["starts"] if row["starts"] else None
        row["arpa"] = float(row["ending"]) / row["ends"] if row["ends"] else None
        row["ltv"] = None
        if row["logo_churn"] and row["arpa"] is not None:
            monthly = 1 - (1 - row["logo_churn"]) ** (1 / key[1])
            row["ltv"] = row["arpa"] * margin / monthly
    return {key: dict(row) for key, row in sums.items()}


def cohorts(accounts: Iterable[Account], as_of: datetime) -> dict[tuple, tuple]:
    """(cohort, months since, dimension, value): size, kept, back, first MRR, MRR now, mature."""
    sums: dict[tuple, list] = defaultdict(lambda: [0, 0, 0, ZERO, ZERO])
    mature = {}
    for account in accounts:
        first = account.cohort
        first_mrr = sum((a for _, kind, _, a in account.movements if kind == "new"), ZERO)
        for since, month in enumerate(months_until(first, as_of)):
            end = add_months(month, 1)
            mrr = account.balance(end)
            left = bool(account.churn_days(first, end))
            for cut in [
                ("all", "all"),
                ("segment", account.segment),
                ("plan", account.plans.get(first, "unknown")),
                ("motion", account.closing_motion),
                ("sourcing", account.sourcing),
            ]:
                row = sums[(first, since, *cut)]
                for place, value in enumerate(
                    [1, mrr > 0, mrr > 0 and left, first_mrr, max(mrr, ZERO)]
                ):
                    row[place] += value
                mature[(first, since, *cut)] = datetime(end.year, end.month, 1) <= as_of
    return {key: (*row, mature[key]) for key, row in sums.items()}
