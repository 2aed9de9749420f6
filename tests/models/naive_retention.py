"""Retention and engagement counted the slow way: loops over one entity's days at a time.

Shares no code with the models. `Entity` is a signed-up person or account with everything it did;
two readers make it, from the calls of a made-up company and from the core facts of a warehouse.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb

from tests.models import lifecycle_naive as company_naive

DAY = timedelta(days=1)
GRAINS = ("day", "week", "month")
CUTS = ("segment", "first_channel", "plan")


@dataclass
class Entity:
    """A signed-up person or account; `events` are (day, name, how often), in any order."""

    entity_type: str
    entity_id: str
    signup: date
    events: list[tuple[date, str, int]] = field(default_factory=list)
    reached: dict[str, date] = field(default_factory=dict)
    cuts: dict[str, str] = field(default_factory=dict)

    def since_signup(self, as_of: date) -> list[tuple[date, str, int]]:
        return [event for event in self.events if self.signup <= event[0] <= as_of]

    def active_days(self, as_of: date) -> set[date]:
        return {day for day, _, _ in self.since_signup(as_of)} | {self.signup}


@dataclass(frozen=True)
class Rules:
    """The seeds, as lists of their rows."""

    definitions: list[dict[str, str]]
    windows: list[tuple[int, int]]
    milestones: list[dict[str, str]]
    features: dict[str, str]
    buckets: list[tuple[int, str, int, int]]

    @classmethod
    def read(cls, seeds: Path, product_line: str = "analytics") -> "Rules":
        def rows(name: str) -> list[dict[str, str]]:
            with (seeds / f"{name}.csv").open(newline="") as file:
                return list(csv.DictReader(file))

        return cls(
            [
                row
                for row in rows("retention_definitions")
                if row["product_line"] in ("", product_line)
            ],
            [(int(r["first_day"]), int(r["last_day"])) for r in rows("retention_windows")],
            [r for r in rows("milestone_definitions") if r["product_line"] == product_line],
            {row["event_name"]: row["feature_key"] for row in rows("feature_events")},
            [
                (int(r["bucket_number"]), r["bucket"], int(r["first_day"]), int(r["last_day"]))
                for r in rows("feature_first_use_buckets")
            ],
        )


# ------------------------------------------------------------------ calendars


def period_of(grain: str, day: date) -> date:
    """First day of the day, week or month."""
    if grain == "week":
        while day.weekday() != 0:
            day -= DAY
    if grain == "month":
        while day.day != 1:
            day -= DAY
    return day


def periods_from(grain: str, first: date, until: date) -> Iterator[date]:
    """The first day of every period from `first`'s to `until`'s."""
    period = period_of(grain, first)
    while period <= until:
        yield period
        following = period + DAY
        while period_of(grain, following) != following:
            following += DAY
        period = following


# ------------------------------------------------------------------ cohorts


def days_of(entity: Entity, key: str, rules: Rules, as_of: date) -> set[date]:
    """The days an entity did what a definition names."""
    if key == "sign_up":
        return {entity.signup}
    if key == "any_event":
        return entity.active_days(as_of)
    if key.startswith("reached:"):
        day = entity.reached.get(key.removeprefix("reached:"))
        return {day} if day and entity.signup <= day <= as_of else set()
    names = {key}
    if key.startswith("towards:"):
        names = {
            row["event_name"]
            for row in rules.milestones
            if row["milestone"] == key.removeprefix("towards:")
            and (not row["valid_from"] or date.fromisoformat(row["valid_from"]) <= entity.signup)
            and (not row["valid_to"] or date.fromisoformat(row["valid_to"]) > entity.signup)
        }
    return {day for day, name, _ in entity.since_signup(as_of) if name in names}


def cohorts(entities: Iterable[Entity], rules: Rules, as_of: date) -> dict[tuple, tuple]:
    """(definition, type, grain, method, cut, value, cohort, from, to) → size, retained, mature."""
    rows: dict[tuple, list[int]] = defaultdict(lambda: [0, 0])
    mature: dict[tuple, bool] = {}
    for definition in rules.definitions:
        kinds = {"person": "for_people", "account": "for_accounts"}
        for entity in entities:
            if definition[kinds[entity.entity_type]] != "true":
                continue
            starts = days_of(entity, definition["start_event"], rules, as_of)
            returns = days_of(entity, definition["return_event"], rules, as_of)
            if definition["start_counting"] == "first_time":
                starts = {min(starts)} if starts else set()
            cuts = [("all", "all")]
            if definition["has_cuts"] == "true":
                cuts += [(cut, entity.cuts[cut]) for cut in CUTS if cut in entity.cuts]
            for grain in GRAINS:
                if definition[f"by_{grain}"] != "true":
                    continue
                back = {period_of(grain, day) for day in returns}
                for cohort in {period_of(grain, day) for day in starts}:
                    for method, first, last, is_back, is_over in _looks(
                        grain, cohort, back, rules.windows, as_of
                    ):
                        for cut, value in cuts:
                            key = (definition["definition_key"], entity.entity_type, grain, method)
                            key += (cut, value, cohort, first, last)
                            rows[key][0] += 1
                            rows[key][1] += is_back
                            mature[key] = is_over
    return {key: (size, retained, mature[key]) for key, (size, retained) in rows.items()}


def _looks(
    grain: str, cohort: date, back: set[date], windows: list[tuple[int, int]], as_of: date
) -> Iterator[tuple[str, int, int, bool, bool]]:
    """One member's (method, first, last, came back, is over) for every window begun."""
    if grain != "day":
        now = period_of(grain, as_of)
        for number, period in enumerate(periods_from(grain, cohort, as_of)):
            is_over = period < now
            yield "bounded", number, number, number == 0 or period in back, is_over
            later = any(day >= period for day in back)
            yield "rolling", number, number, number == 0 or later, is_over
        return
    for first, last in windows:
        begin, end = cohort + first * DAY, cohort + last * DAY
        if begin > as_of:
            continue
        if first == last:
            yield "bounded", first, last, begin in back, end < as_of
            yield "rolling", first, last, any(day >= begin for day in back), end < as_of
        else:
            inside = any(begin <= day <= end for day in back)
            yield "bracket", first, last, inside, end < as_of


def curves(cohort_rows: dict[tuple, tuple]) -> dict[tuple, tuple]:
    """(definition, type, grain, method, cut, value, from, to) → cohorts, left out, size, back."""
    found: dict[tuple, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for key, (size, retained, is_mature) in cohort_rows.items():
        row = found[key[:6] + key[7:]]
        if is_mature:
            row[0] += 1
            row[2] += size
            row[3] += retained
        else:
            row[1] += 1
    return {key: tuple(row) for key, row in found.items()}


# ------------------------------------------------------------------ engagement


def active_counts(entities: list[Entity], kind: str, as_of: date) -> dict[date, tuple]:
    """day → active that day, in 7 and in 30 days."""
    days = [entity.active_days(as_of) for entity in entities if entity.entity_type == kind]
    rows: dict[date, tuple] = {}
    day = min((min(active) for active in days), default=as_of + DAY)
    while day <= as_of:
        rows[day] = tuple(
            sum(any(day - n * DAY in active for n in range(length)) for active in days)
            for length in (1, 7, 30)
        )
        day += DAY
    return rows


def power_users(entities: list[Entity], as_of: date) -> dict[tuple, int]:
    """(type, date, days active of 28) → entities, only where there are any."""
    rows: Counter = Counter()
    for kind in ("person", "account"):
        days = [entity.active_days(as_of) for entity in entities if entity.entity_type == kind]
        day = min((min(active) for active in days), default=as_of)
        while day < as_of:
            if (day + DAY).day == 1 or day + DAY == as_of:
                for active in days:
                    count = sum(day - n * DAY in active for n in range(28))
                    if count:
                        rows[kind, day, count] += 1
            day += DAY
    return dict(rows)


def lifecycle(entities: Iterable[Entity], as_of: date) -> dict[tuple, tuple]:
    """(type, Monday) → new, retained, resurrected, dormant, newly dormant, quick ratio, mature."""
    counts: dict[tuple, Counter] = defaultdict(Counter)
    for entity in entities:
        weeks = {period_of("week", day) for day in entity.active_days(as_of)}
        for week in periods_from("week", min(weeks), as_of):
            states = counts[entity.entity_type, week]
            was_active = week - 7 * DAY in weeks
            if week in weeks:
                if was_active:
                    states["retained"] += 1
                else:
                    states["new" if week == min(weeks) else "resurrected"] += 1
            else:
                states["dormant"] += 1
                states["newly dormant"] += was_active
    rows = {}
    for (kind, week), states in counts.items():
        is_over = week + 6 * DAY < as_of
        gained, lost = states["new"] + states["resurrected"], states["newly dormant"]
        ratio = gained / lost if lost and is_over else None
        names = ("new", "retained", "resurrected", "dormant", "newly dormant")
        rows[kind, week] = (*(states[name] for name in names), ratio, is_over)
    return rows


# ------------------------------------------------------------------ features


def feature_adoption(entities: list[Entity], rules: Rules, as_of: date) -> dict[tuple, tuple]:
    """(type, feature, month) → active, users, first users, events, days, features of users."""
    rows: dict[tuple, list[int]] = {}
    active: Counter = Counter()
    used: dict[str, set[str]] = defaultdict(set)
    uses: dict[tuple, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for entity in entities:
        kind = entity.entity_type
        for month in {period_of("month", day) for day in entity.active_days(as_of)}:
            active[kind, month] += 1
        mine = [
            (d, rules.features[n], c) for d, n, c in entity.since_signup(as_of) if _is(n, rules)
        ]
        used[kind] |= {feature for _, feature, _ in mine}
        for month in {period_of("month", day) for day, _, _ in mine}:
            now = [use for use in mine if period_of("month", use[0]) == month]
            features = {feature for _, feature, _ in now}
            for feature in features:
                row = uses[kind, feature, month]
                first = min(day for day, f, _ in mine if f == feature)
                row[0] += 1
                row[1] += period_of("month", first) == month
                row[2] += sum(count for _, f, count in now if f == feature)
                row[3] += len({day for day, f, _ in now if f == feature})
                row[4] += len(features)
    for (kind, month), count in active.items():
        for feature in used[kind]:
            rows[kind, feature, month] = (count, *uses[kind, feature, month])
    return rows


def _is(name: str, rules: Rules) -> bool:
    return name in rules.features


def feature_breadth(entities: Iterable[Entity], rules: Rules, as_of: date) -> dict[tuple, int]:
    """(type, month, features used) → entities."""
    rows: Counter = Counter()
    for entity in entities:
        for month in {period_of("month", day) for day in entity.active_days(as_of)}:
            features = {
                rules.features[name]
                for day, name, _ in entity.since_signup(as_of)
                if _is(name, rules) and period_of("month", day) == month
            }
            rows[entity.entity_type, month, len(features)] += 1
    return dict(rows)


def _first_uses(entity: Entity, rules: Rules, as_of: date) -> dict[str, int]:
    """feature → days from sign-up to its first use."""
    first: dict[str, int] = {}
    for day, name, _ in entity.since_signup(as_of):
        if _is(name, rules):
            feature, days = rules.features[name], (day - entity.signup).days
            first[feature] = min(first.get(feature, days), days)
    return first


def feature_first_use(entities: list[Entity], rules: Rules, as_of: date) -> dict[tuple, tuple]:
    """(type, feature, bucket) → entities, sign-ups."""
    rows: dict[tuple, tuple] = {}
    horizon = max(last for _, _, _, last in rules.buckets)
    for kind in ("person", "account"):
        everyone = [e for e in entities if e.entity_type == kind]
        features = {f for e in everyone for f in _first_uses(e, rules, as_of)}
        old = [e for e in everyone if e.signup + horizon * DAY < as_of]
        if not old:
            continue
        for feature in features:
            counts = Counter(_bucket(_first_uses(e, rules, as_of).get(feature), rules) for e in old)
            for bucket in [*(name for _, name, _, _ in rules.buckets), "later", "never"]:
                rows[kind, feature, bucket] = (counts[bucket], len(old))
    return rows


def _bucket(days: int | None, rules: Rules) -> str:
    if days is None:
        return "never"
    for _, name, first, last in rules.buckets:
        if first <= days <= last:
            return name
    return "later"


def feature_retention(entities: list[Entity], rules: Rules, as_of: date) -> dict[tuple, tuple]:
    """(type, feature) → users, of them back on days 30–59, others, of them back, too young."""
    rows: dict[tuple, tuple] = {}
    for kind in ("person", "account"):
        everyone = [e for e in entities if e.entity_type == kind]
        features = {f for e in everyone for f in _first_uses(e, rules, as_of)}
        old = [e for e in everyone if e.signup + 59 * DAY < as_of]
        if not old:
            continue
        for feature in features:
            counts: Counter = Counter()
            for entity in old:
                is_user = _first_uses(entity, rules, as_of).get(feature, 8) <= 7
                is_back = any(
                    30 <= (day - entity.signup).days <= 59 for day in entity.active_days(as_of)
                )
                counts[is_user] += 1
                counts[is_user, is_back] += 1
            rows[kind, feature] = (counts[True], counts[True, True])
            rows[kind, feature] += (counts[False], counts[False, True])
            rows[kind, feature] += (len(everyone) - len(old),)
    return rows


# ------------------------------------------------------------------ readers


def from_company(company: company_naive.Company) -> list[Entity]:
    """People and accounts of the made-up company, from the calls as they were sent."""
    primary = company_naive.primary_accounts(company)
    reached = company_naive.milestones(company)
    reached_accounts = company_naive.account_milestones(company)
    entities = []
    for person, at in company_naive.signups(company).items():
        entity = Entity("person", person, at.date())
        entity.cuts["segment"] = company_naive.segment(primary[person])
        entity.events = [(e.at.date(), e.name, 1) for e in company.events if e.person == person]
        entity.reached = {
            m: people[person].date() for m, people in reached.items() if person in people
        }
        entities.append(entity)
    for account, at in company_naive.accounts_of(company).items():
        entity = Entity("account", account, at.date())
        entity.cuts["segment"] = company_naive.segment(account)
        entity.events = [
            (e.at.date(), e.name, 1)
            for e in company.events
            if account == (e.group or primary.get(e.person))
        ]
        entity.reached = {
            m: accounts[account].date()
            for m, accounts in reached_accounts.items()
            if account in accounts
        }
        entities.append(entity)
    return entities


def from_core(connection: duckdb.DuckDBPyConnection) -> list[Entity]:
    """People and accounts of a warehouse, from `core` and the milestones."""
    entities: dict[tuple[str, str], Entity] = {}
    accounts = {}
    for account, segment, plan, at in connection.execute(
        "select account_id, segment, plan, signed_up_at from core.dim_accounts"
    ).fetchall():
        accounts[account] = {"segment": segment, "plan": plan, "first_channel": "unknown"}
        if at:
            entities["account", account] = Entity("account", account, at.date())
            entities["account", account].cuts = accounts[account]
    seen_first: dict[str, tuple] = {}
    for person, account, channel, seen, at in connection.execute(
        "select person_id, primary_account_id, first_channel, first_seen_at, signed_up_at "
        "from core.dim_people"
    ).fetchall():
        if account and (account not in seen_first or (seen, person) < seen_first[account]):
            seen_first[account] = (seen, person)
            accounts[account]["first_channel"] = channel
        if at:
            entity = entities["person", person] = Entity("person", person, at.date())
            entity.cuts = {"segment": "unknown", "plan": "none"} | accounts.get(account, {})
            entity.cuts = entity.cuts | {"first_channel": channel}
    for kind in ("person", "account"):
        for entity_id, day, name, count in connection.execute(
            f"select {kind}_id, activity_date, event_name, count_events from core.fct_{kind}_days"
        ).fetchall():
            if (kind, entity_id) in entities:
                entities[kind, entity_id].events.append((day, name, count))
        for entity_id, milestone, at in connection.execute(
            f"select {kind}_id, milestone, reached_at from activation.fct_{kind}_milestones"
        ).fetchall():
            if (kind, entity_id) in entities:
                entities[kind, entity_id].reached[milestone] = at.date()
    return list(entities.values())
