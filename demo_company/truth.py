"""What is true, computed from the company's own ledger and event list, never by a model.

Definitions are those of the working contract (milestones, MRR movements, NRR); the code is
deliberately plain: loops over days and dictionaries, whole numbers, no SQL.
"""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

from demo_company.clock import MS_DAY, MS_HOUR, add_months, day_number, day_of, month_start

RATE_SCALE = 10_000  # FX rates have four decimals
MOVEMENTS = ("new", "expansion", "contraction", "churn", "reactivation", "fx")


class FxTable:
    """USD per unit by month, as whole ten-thousandths."""

    def __init__(self, rates: dict[tuple[date, str], int]) -> None:
        self.rates = rates
        self.months = sorted({month for month, _ in rates})

    def rate(self, day: int, currency: str) -> int:
        """The month's rate; else the latest earlier one; before the first, the first."""
        if currency == "usd":
            return RATE_SCALE
        month = month_start(day_of(day))
        known = [m for m in self.months if m <= month and (m, currency) in self.rates]
        return self.rates[(known[-1] if known else self.months[0], currency)]

    def to_usd_cents(self, minor: int, currency: str, day: int) -> int:
        """Half up."""
        return (2 * minor * self.rate(day, currency) + RATE_SCALE) // (2 * RATE_SCALE)


def mrr_movements(
    ledger: list[tuple[int, int, str, str, int]], fx: FxTable, end_day: int
) -> dict[int, list[tuple[int, str, int, int]]]:
    """By account: (day, type, signed USD cents, closing USD cents after it)."""
    changes: dict[int, dict[int, list[tuple[str, str, int]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for second, account, currency, source, amount in sorted(ledger, key=lambda row: row[0]):
        changes[account][second // 86_400].append((source, currency, amount))
    result: dict[int, list[tuple[int, str, int, int]]] = {}
    for account, days in changes.items():
        first = min(days)
        month_firsts = set()
        month = add_months(month_start(day_of(first)), 1)
        while day_number(month) < end_day:
            month_firsts.add(day_number(month))
            month = add_months(month, 1)
        sources: dict[tuple[str, str], int] = {}
        moves: list[tuple[int, str, int, int]] = []
        closing, ever = 0, False
        for day in sorted(day for day in {*days, *month_firsts} if day < end_day):
            native: dict[str, int] = defaultdict(int)
            for (_, currency), amount in sources.items():
                native[currency] += amount
            revalued = sum(fx.to_usd_cents(amount, c, day) for c, amount in native.items())
            if revalued != closing:
                moves.append((day, "fx", revalued - closing, revalued))
                closing = revalued
            for source, currency, amount in days.get(day, []):
                sources[(source, currency)] = amount
            native = defaultdict(int)
            for (_, currency), amount in sources.items():
                native[currency] += amount
            now = sum(fx.to_usd_cents(amount, c, day) for c, amount in native.items())
            if now != closing:
                if closing == 0:
                    kind = "reactivation" if ever else "new"
                elif now == 0:
                    kind = "churn"
                else:
                    kind = "expansion" if now > closing else "contraction"
                moves.append((day, kind, now - closing, now))
                ever, closing = True, now
        if moves:
            result[account] = moves
    return result


def mrr_months(
    movements: dict[int, list[tuple[int, str, int, int]]], last_day: int
) -> dict[int, list[dict[str, Any]]]:
    """By account: a row a month from the first with MRR to the month of `last_day`."""
    result: dict[int, list[dict[str, Any]]] = {}
    for account, moves in movements.items():
        rows = []
        month, opening, place = month_start(day_of(moves[0][0])), 0, 0
        while day_number(month) <= last_day:
            following = day_number(add_months(month, 1))
            sums = dict.fromkeys(MOVEMENTS, 0)
            closing = opening
            while place < len(moves) and moves[place][0] < following:
                _, kind, amount, closing = moves[place]
                sums[kind] += amount
                place += 1
            rows.append({"month": month, "opening": opening, **sums, "closing": closing})
            month, opening = add_months(month, 1), closing
        result[account] = rows
    return result


def nrr(months: dict[int, list[dict[str, Any]]], month: date, window: int) -> dict[str, Any]:
    """Net revenue retention of the accounts with MRR at the end of `month` - `window`."""
    base_month = add_months(month, -window)
    total: dict[str, int] = dict.fromkeys(("start", "expansion", "contraction", "churn"), 0)
    accounts = 0
    for rows in months.values():
        start = next((row["closing"] for row in rows if row["month"] == base_month), 0)
        if start <= 0:
            continue
        accounts += 1
        moved = dict.fromkeys(("expansion", "contraction", "churn"), 0)
        for row in rows:
            if base_month < row["month"] <= month:
                for kind in moved:
                    moved[kind] += abs(row[kind])
        # nobody loses more than the start and what it grew by: what a return or an exchange
        # rate added and was lost again is in neither
        lost = moved["contraction"] + moved["churn"]
        excess = max(0, lost - start - moved["expansion"])
        from_churn = min(moved["churn"], excess)
        moved["churn"] -= from_churn
        moved["contraction"] -= excess - from_churn
        total["start"] += start
        for kind, cents in moved.items():
            total[kind] += cents
    net = total["start"] + total["expansion"] - total["contraction"] - total["churn"]
    return {
        "month": month,
        "window_months": window,
        "accounts": accounts,
        "starting_mrr": Decimal(total["start"]) / 100,
        "expansion_mrr": Decimal(total["expansion"]) / 100,
        "contraction_mrr": Decimal(total["contraction"]) / 100,
        "churn_mrr": Decimal(total["churn"]) / 100,
        "nrr": net / total["start"] if total["start"] else None,
    }


class MilestoneLog:
    """Collects, month by month, the few moments that decide milestones, by person."""

    HORIZON = 61 * MS_DAY  # activation within 30 days, habit within 30 more

    def __init__(self) -> None:
        self.signed_up: dict[int, int] = {}
        self.moments: dict[str, dict[int, list[int]]] = {
            "workspace_created": defaultdict(list),
            "data_source_connected": defaultdict(list),
            "dashboard_viewed": defaultdict(list),
        }

    def add(self, event: str, person: int, t: int) -> None:
        if event == "signed_up":
            self.signed_up[person] = min(t, self.signed_up.get(person, t))
        elif person in self.signed_up and t < self.signed_up[person] + self.HORIZON:
            self.moments[event][person].append(t)

    def first(self, event: str, person: int, since: int, days: int) -> int | None:
        """The first such event in [since, since + days)."""
        inside = [
            t for t in self.moments[event].get(person, []) if since <= t < since + days * MS_DAY
        ]
        return min(inside) if inside else None

    def milestones(self, person: int) -> dict[str, int | None]:
        since = self.signed_up[person]
        workspace = self.first("workspace_created", person, since, 14)
        source_14 = self.first("data_source_connected", person, since, 14)
        source_30 = self.first("data_source_connected", person, since, 30)
        dashboard = self.first("dashboard_viewed", person, since, 30)
        setup = max(workspace, source_14) if workspace and source_14 else None
        activated = max(source_30, dashboard) if source_30 and dashboard else None
        habit = None
        if activated is not None:
            later = [
                t
                for t in self.moments["dashboard_viewed"].get(person, [])
                if t // MS_DAY > activated // MS_DAY and t < activated + 30 * 24 * MS_HOUR
            ]
            habit = min(later) if later else None
        return {"setup_at": setup, "activated_at": activated, "habit_at": habit}
