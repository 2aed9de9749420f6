"""Unit-level experiment metrics the slow and obvious way, from the landing files of a demo.

Loops over lines and units; no SQL and nothing of the models. The rules (which experiments, which
metrics, which events are activity) are the seeds, as a person would read them.
"""

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from tests.demo_company import raw_reading as raw
from warehouse.settings import PROJECT_ROOT


@dataclass(frozen=True)
class UnitMetric:
    """What a unit did in a metric's window."""

    variant: str
    value: float
    pre_value: float | None
    is_mature: bool


def seed(name: str) -> list[dict[str, str]]:
    """A rule file, as text."""
    with (PROJECT_ROOT / "seeds" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


class Company:
    """What the landing files say: who did what when, by user and by workspace."""

    def __init__(self, landing: Path, as_of: datetime) -> None:
        self.as_of = as_of.replace(tzinfo=None)
        patterns = [re.compile(row["pattern"]) for row in seed("bot_user_agents")]

        @cache
        def is_bot(agent: str) -> bool:
            return any(pattern.search(agent.lower()) for pattern in patterns)

        seen: dict[str, tuple[dict[str, Any], datetime]] = {}
        for _, line in raw.lines_of(landing / "events" / "segment"):
            reason, message, at = raw.refuse(line, as_of)
            agent = message.get("context", {}).get("userAgent", "")
            if reason is None and at is not None and not is_bot(agent):
                seen.setdefault(message["messageId"], (message, at.astimezone(UTC)))
        messages = list(seen.values())
        self.people = raw.People(messages)
        self.moments: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        self.exposures: dict[str, list[tuple[datetime, str, str | None, str]]] = defaultdict(list)
        self.groups: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for message, at in messages:
            user = message.get("userId")
            if message["type"] != "track" or not user or user.strip() in raw.DIRTY_IDS:
                continue
            person, group = self.people.root(user), message["context"].get("groupId")
            event, moment = raw.canonical(message["event"]), at.replace(tzinfo=None)
            for unit in {person, group} - {None}:
                self.moments[(unit, event)].append(moment)
            if group:
                self.groups[person][group] += 1
            if event == "experiment_viewed":
                shown = message["properties"]
                self.exposures[shown["experiment_key"]].append(
                    (moment, person, group, shown["variant"])
                )
        self.movements: dict[str, list[tuple[date, str, Decimal]]] = defaultdict(list)
        for account, day, kind, amount in raw.movements(landing, as_of.date()):
            self.movements[account].append((day, kind, amount))
        self.activity = {
            row["event_name"]
            for row in seed("event_registry")
            if row["is_product_activity"] == "true"
        }

    def activated_at(self, person: str) -> datetime | None:
        """Source connected and dashboard viewed within 30 days of sign-up: the later of both."""
        signups = self.moments[(person, "signed_up")]
        if not signups:
            return None
        since = min(signups)
        firsts = []
        for event in ("data_source_connected", "dashboard_viewed"):
            inside = [
                t for t in self.moments[(person, event)] if since <= t < since + timedelta(days=30)
            ]
            if not inside:
                return None
            firsts.append(min(inside))
        return max(firsts)


def units(company: Company) -> dict[tuple[str, str], tuple[str, datetime, bool]]:
    """(experiment, unit) → variant, first exposure, whether it saw two variants."""
    planned = {(row["experiment_key"], row["variant"]) for row in seed("experiment_variants")}
    found: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    for experiment in seed("experiments"):
        key = experiment["experiment_key"]
        first = date.fromisoformat(experiment["start_date"])
        last = date.fromisoformat(experiment["end_date"] or "9999-12-31")
        for at, person, group, variant in company.exposures[key]:
            unit = person if experiment["unit_type"] == "person" else group
            if unit and (key, variant) in planned and first <= at.date() <= last:
                found[(key, unit)].append((at, variant))
    return {
        place: (min(seen)[1], min(seen)[0], len({variant for _, variant in seen}) > 1)
        for place, seen in found.items()
    }


def unit_metrics(
    company: Company, account_of: dict[str, str | None]
) -> dict[tuple[str, str, str], UnitMetric]:
    """(experiment, unit, metric) → what it did. `account_of`: the account of each person."""
    metrics = defaultdict(list)
    for row in seed("experiment_metrics"):
        metrics[row["experiment_key"]].append(row)
    members = defaultdict(list)
    for person, account in account_of.items():
        members[account].append(person)
    found = {}
    for (key, unit), (variant, exposed, is_in_two) in units(company).items():
        if is_in_two:
            continue
        for metric in metrics[key]:
            amount, before, end = _measure(company, metric, unit, exposed, members)
            value = float(amount > 0) if metric["kind"] == "proportion" else float(amount)
            found[(key, unit, metric["metric"])] = UnitMetric(
                variant, value, before, end <= company.as_of
            )
    return found


def _measure(
    company: Company, metric: dict[str, str], unit: str, exposed: datetime,
    members: dict[str | None, list[str]],
) -> tuple[float, float | None, datetime]:  # fmt: skip
    """(amount in the window, amount before, first moment after the window)"""
    since = exposed + timedelta(days=int(metric["from_day"]))
    until = exposed + timedelta(days=int(metric["window_days"]))
    pre_days = int(metric["pre_days"] or 0)
    midnight = datetime.combine(until.date(), datetime.min.time())
    days = [since.date() + timedelta(days=k) for k in range((until.date() - since.date()).days)]
    past = [exposed.date() - timedelta(days=k + 1) for k in range(pre_days)]
    source, name = metric["source_type"], metric["source_name"]
    if source == "event":
        moments = company.moments[(unit, name)]
        return sum(since <= t < until for t in moments), None, until
    if source == "activity":
        used = [t.date() for e in company.activity for t in company.moments[(unit, e)]]
        before = float(sum(day in past for day in used)) if pre_days else None
        return sum(day in days for day in used), before, midnight
    if source == "milestone":
        people = members.get(unit, [unit])
        reached = [t for p in people if (t := company.activated_at(p))]
        return sum(since <= t < until for t in reached), None, until
    moved = [(kind, amount) for day, kind, amount in company.movements[unit] if day in days]
    if source == "movement":
        return sum(kind == name for kind, _ in moved), None, midnight
    return float(sum(amount for kind, amount in moved if kind != "fx")), None, midnight
