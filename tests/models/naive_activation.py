"""Activation counted the slow way, for any product line, from plain lists of events.

Reads the seeds' CSV for what is asked and shares no code with the models: loops over people and
their events. `Company` makes a small one with the edges of every window in it.
"""

import csv
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

from warehouse.settings import PROJECT_ROOT

SEEDS = PROJECT_ROOT / "seeds"
DAY = timedelta(days=1)
START = datetime(2026, 1, 5)  # a Monday
AS_OF = datetime(2026, 4, 15, 13, 0)  # a Wednesday
HORIZON_DAYS = 30
RETURN_DAYS = (14, 30)
EDGES = (0, 5 / 1440, 0.02, 0.5, 1, 2.99, 3, 6.9999, 7, 13.9999, 14, 29.9999, 30, 31)


def seed(name: str, folder: Path = SEEDS) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def monday(at: datetime) -> date:
    return at.date() - timedelta(days=at.weekday())


@dataclass(frozen=True)
class Event:
    name: str
    at: datetime
    thing: str | None = None  # the deal, where one is named


@dataclass
class World:
    """What happened, with people and accounts known: the input of everything below."""

    line: str
    as_of: datetime
    signups: dict[str, datetime]
    account_of: dict[str, str | None]
    account_signups: dict[str, datetime]
    events: dict[str, list[Event]]
    seeds: Path = SEEDS

    def seed(self, name: str) -> list[dict[str, str]]:
        return seed(name, self.seeds)

    def members(self, account: str) -> list[str]:
        return [person for person, own in self.account_of.items() if own == account]


# ------------------------------------------------------------------ a small company


@dataclass
class Company:
    """Calls as sent, and the world they tell of."""

    calls: list[dict] = field(default_factory=list)
    signups: dict[str, datetime] = field(default_factory=dict)
    account_of: dict[str, str | None] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))

    def send(self, person: str, kind: str, at: datetime, **fields) -> None:
        stamp = at.isoformat(timespec="milliseconds") + "Z"
        number = f"m{len(self.calls):05d}"
        times = {"messageId": number, "timestamp": stamp, "receivedAt": stamp}
        self.calls.append({**times, "type": kind, "userId": f"usr_{person}", **fields})

    def do(self, person: str, name: str, at: datetime, thing: str | None = None) -> None:
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        if at > AS_OF:
            return
        properties = {"deal_id": thing} if thing else {}
        self.send(person, "track", at, event=name, properties=properties)
        self.events[person].append(Event(name, at, thing))

    def world(self, line: str) -> World:
        accounts: dict[str, datetime] = {}
        for person, account in self.account_of.items():
            if account:
                accounts[account] = min(
                    accounts.get(account, self.signups[person]), self.signups[person]
                )
        return World(line, AS_OF, self.signups, self.account_of, accounts, dict(self.events))


def make_company(seed_number: int, people: int = 70) -> Company:
    """People who do what any product line counts, at and around the ends of its windows."""
    chance = random.Random(seed_number)
    company = Company()
    names = sorted({row["event_name"] for row in seed("milestone_definitions")})
    for number in range(people):
        person = f"p{number:02d}"
        signup = START + timedelta(milliseconds=chance.randrange(99 * 86_400_000))
        if number in (1, 2):  # two people tie on everything
            signup = START + timedelta(days=40, hours=9)
        if number == 3:  # stalled to the second
            signup = AS_OF - 7 * DAY
        if number == 5:  # has the shortest window before it
            signup = AS_OF - DAY
        account = f"acc_{number % 15:02d}" if number % 6 else None
        company.signups[person] = signup
        company.account_of[person] = account
        company.do(person, "signed_up", signup)
        if account:
            traits = {"name": account, "domain": f"{account.replace('_', '-')}.example"}
            company.send(person, "group", signup, groupId=account, traits=traits)
        if number in (1, 2):
            for name in names * 12:
                company.do(person, name, signup + timedelta(minutes=5), "deal_1")
                for days in (2, 3, 4):
                    company.do(person, name, signup + timedelta(days=days), "deal_1")
            continue
        if number == 4:  # activated, and never seen again
            for name in names * 12:
                company.do(person, name, signup + timedelta(minutes=5), "deal_1")
            continue
        if number == 5:
            continue
        keen = chance.random()
        for name in names:
            for _ in range(chance.choice([0, 1, 2, 6, 14]) if chance.random() < keen else 0):
                days = chance.choice(
                    [
                        *EDGES,
                        chance.random() * 3,
                        chance.random() * 60,
                    ]
                )
                deal = chance.choice([None, "deal_1", "deal_2", "deal_3"])
                company.do(person, name, signup + days * DAY, deal)
        for _ in range(chance.choice([0, 0, 1, 5])):  # signs of life that no milestone counts
            company.do(person, "help_read", signup + chance.choice([1, 6.9, 7, 14, 20, 45]) * DAY)
        if number % 4 == 0:  # a machine sends this every week until today
            at = signup
            while at < AS_OF:
                company.do(person, "usage_reported", at)
                at += 7 * DAY
    chance.shuffle(company.calls)
    return company


# ------------------------------------------------------------------ milestones


def conditions(world: World, milestone: str, on: date) -> dict[int, list[dict]]:
    """group → its conditions in order, of the definition in force on a sign-up date."""
    groups: dict[int, list[dict]] = {}
    for row in world.seed("milestone_definitions"):
        if row["product_line"] != world.line or row["milestone"] != milestone:
            continue
        if row["valid_from"] and date.fromisoformat(row["valid_from"]) > on:
            continue
        if row["valid_to"] and date.fromisoformat(row["valid_to"]) <= on:
            continue
        groups.setdefault(int(row["condition_group"]), []).append(row)
    for rows in groups.values():
        rows.sort(key=lambda row: int(row["condition_number"]))
    return groups


def days_of(row: dict) -> int:
    return int(row["within_days"]) if row["within_days"] else HORIZON_DAYS


def met(world: World, person: str, row: dict, begin: datetime, after: date | None):
    """When the event that crosses the threshold happened; None when none does."""
    end = begin + int(row["within_days"]) * DAY if row["within_days"] else datetime.max
    one_thing = any(
        counted["product_line"] == world.line and counted["event_name"] == row["event_name"]
        for counted in world.seed("milestone_counted_properties")
    )
    piles: dict[str | None, list[datetime]] = {}
    for event in world.events.get(person, []):
        if event.name != row["event_name"] or not begin <= event.at < end:
            continue
        if event.at > world.as_of or (after and event.at.date() <= after):
            continue
        piles.setdefault(event.thing if one_thing else None, []).append(event.at)
    crossings = []
    for times in piles.values():
        times.sort()
        for i, at in enumerate(times):
            so_far = times[: i + 1]
            enough = len(so_far) >= int(row["min_count"] or 1)
            if enough and len({t.date() for t in so_far}) >= int(row["min_distinct_days"] or 1):
                crossings.append(at)
                break
    return min(crossings, default=None)


def person_conditions(world: World) -> dict[str, list[tuple]]:
    """person → (milestone, group, number, event, when met or None) of every condition."""
    found: dict[str, list[tuple]] = {}
    for person, signup in world.signups.items():
        rows = found.setdefault(person, [])
        activated = None
        for milestone in ("setup", "activation", "habit"):
            reached = []
            for group, group_rows in conditions(world, milestone, signup.date()).items():
                times = []
                for row in group_rows:
                    if row["after_milestone"]:
                        at = (
                            met(world, person, row, activated, activated.date())
                            if activated
                            else None
                        )
                    else:
                        at = met(world, person, row, signup, None)
                    times.append(at)
                    number = int(row["condition_number"])
                    rows.append((milestone, group, number, row["event_name"], at))
                if None not in times:
                    reached.append((max(times), group))
            if milestone == "activation" and reached:
                activated = min(reached)[0]
    return found


def milestones(world: World) -> dict[str, dict[str, tuple[datetime, int]]]:
    """milestone → person → when reached, by which group."""
    found: dict[str, dict] = {"setup": {}, "activation": {}, "habit": {}}
    for person, rows in person_conditions(world).items():
        groups: dict[tuple, list] = {}
        for milestone, group, _, _, at in rows:
            groups.setdefault((milestone, group), []).append(at)
        for (milestone, group), times in sorted(groups.items()):
            if None in times:
                continue
            before = found[milestone].get(person)
            if before is None or max(times) < before[0]:
                found[milestone][person] = (max(times), group)
    return found


def account_milestones(world: World) -> dict[tuple[str, str], tuple[datetime, int, int]]:
    """(milestone, account) → when its first person reached it, how many did, of how many."""
    found = {}
    for milestone, people in milestones(world).items():
        for account in world.account_signups:
            members = world.members(account)
            times = [people[person][0] for person in members if person in people]
            if times:
                found[milestone, account] = (min(times), len(times), len(members))
    return found


# ------------------------------------------------------------------ time to value, steps, returns


def entities(world: World):
    """(entity type, entity, sign-up, activated at) of everyone."""
    activated = milestones(world)["activation"]
    of_accounts = account_milestones(world)
    for person, signup in world.signups.items():
        yield "person", person, signup, activated.get(person, (None, 0))[0]
    for account, signup in world.account_signups.items():
        yield "account", account, signup, of_accounts.get(("activation", account), (None,))[0]


def window_days(world: World, on: date) -> int:
    rows = [row for rows in conditions(world, "activation", on).values() for row in rows]
    return max((days_of(row) for row in rows), default=HORIZON_DAYS)


def time_to_value(world: World) -> dict[tuple, tuple]:
    """(entity type, grain, week, bucket) → sign-ups, in the bucket, activated, median, mature."""
    buckets = world.seed("milestone_time_buckets")
    cohorts: dict[tuple, list] = {}
    for kind, _, signup, activated in entities(world):
        cohorts.setdefault((kind, monday(signup)), []).append((signup, activated))
    mature = {
        (kind, week): week + timedelta(7 + max(window_days(world, s.date()) for s, _ in rows))
        <= world.as_of.date()
        for (kind, week), rows in cohorts.items()
    }
    groups = {(kind, "week", week): rows for (kind, week), rows in cohorts.items()}
    for kind in ("person", "account"):
        weeks = [week for of, week in cohorts if of == kind and mature[of, week]]
        if weeks:
            groups[kind, "all", min(weeks)] = [row for w in weeks for row in cohorts[kind, w]]
    found = {}
    for (kind, grain, week), rows in groups.items():
        names = []
        minutes = []
        for signup, activated in rows:
            if activated is None:
                closed = signup + window_days(world, signup.date()) * DAY <= world.as_of
                state = "never" if closed else "open"
                names.append(next(b["bucket"] for b in buckets if b["state"] == state))
                continue
            taken = max((activated - signup).total_seconds() / 60, 0)
            minutes.append(taken)
            names.append(
                next(
                    b["bucket"]
                    for b in buckets
                    if b["state"] == "activated"
                    and (not b["up_to_minutes"] or taken <= int(b["up_to_minutes"]))
                )
            )
        middle = round(median(minutes), 6) if minutes else None
        for bucket in buckets:
            in_it = names.count(bucket["bucket"])
            is_mature = True if grain == "all" else mature[kind, week]
            found[kind, grain, week, bucket["bucket"]] = (
                len(rows), in_it, len(minutes), middle, is_mature,
            )  # fmt: skip
    return found


def step_times(world: World) -> dict[tuple, list[tuple]]:
    """(entity type, entity, milestone, group) → (event, window days, completed at) step by step."""
    found: dict[tuple, list[tuple]] = {}
    completed: dict[tuple, datetime] = {}
    known = person_conditions(world)
    for person, signup in world.signups.items():
        for milestone in ("setup", "activation"):
            for group, rows in conditions(world, milestone, signup.date()).items():
                latest: datetime | None = signup
                steps = []
                for row in rows:
                    if row["after_milestone"]:
                        continue
                    key = (milestone, group, int(row["condition_number"]))
                    at = next(r[4] for r in known[person] if r[:3] == key)
                    latest = max(latest, at) if latest and at else None
                    steps.append((row["event_name"], days_of(row), latest))
                    if latest:
                        completed[person, *key] = latest
                found["person", person, milestone, group] = steps
    for account, signup in world.account_signups.items():
        for milestone in ("setup", "activation"):
            for group, rows in conditions(world, milestone, signup.date()).items():
                steps = []
                for row in rows:
                    key = (milestone, group, int(row["condition_number"]))
                    times = [completed.get((person, *key)) for person in world.members(account)]
                    at = min((t for t in times if t), default=None)
                    steps.append((row["event_name"], days_of(row), at))
                found["account", account, milestone, group] = steps
    return found


def setup_steps(world: World) -> dict[tuple, tuple]:
    """(entity type, week, milestone, group, step) → sign-ups, entered, completed, open, dropped."""
    found: dict[tuple, list[int]] = {}
    for (kind, entity, milestone, group), steps in step_times(world).items():
        signup = (world.signups if kind == "person" else world.account_signups)[entity]
        entered = True
        for number, (_, days, at) in enumerate(steps, start=1):
            key = (kind, monday(signup), milestone, group, number)
            row = found.setdefault(key, [0, 0, 0, 0, 0])
            row[0] += 1
            row[1] += entered
            row[2] += at is not None
            is_open = entered and at is None and signup + days * DAY > world.as_of
            row[3] += is_open
            row[4] += entered and at is None and not is_open
            entered = at is not None
    return {key: tuple(row) for key, row in found.items()}


def habit_cohorts(world: World) -> dict[tuple, tuple]:
    """(entity type, week of activation, day number) → activated, returned, mature."""
    reached = milestones(world)["activation"]

    def value_event(person: str) -> str:
        rows = conditions(world, "activation", world.signups[person].date())
        return rows[reached[person][1]][-1]["event_name"]

    found: dict[tuple, list] = {}

    def count(kind: str, at: datetime, people: Iterable[str], name: str) -> None:
        later = [
            e.at
            for person in people
            for e in world.events.get(person, [])
            if e.name == name and e.at.date() > at.date() and e.at <= world.as_of
        ]
        for days in RETURN_DAYS:
            mature = monday(at) + timedelta(7 + days) <= world.as_of.date()
            row = found.setdefault((kind, monday(at), days), [0, 0, mature])
            row[0] += 1
            row[1] += any(t < at + days * DAY for t in later)

    for person, (at, _) in reached.items():
        count("person", at, [person], value_event(person))
    for (milestone, account), (at, _, _) in account_milestones(world).items():
        if milestone == "activation":
            members = [p for p in world.members(account) if p in reached]
            ids = world.signups
            first = min(members, key=lambda p: (reached[p][0], ids[p]))
            count("account", at, world.members(account), value_event(first))
    return {key: tuple(row) for key, row in found.items()}


# ------------------------------------------------------------------ audiences


def audiences(world: World) -> dict[tuple[str, str], tuple]:
    """(audience, person) → since, last completed step, next step, prompt key."""
    ignored = {row["event_name"] for row in world.seed("audience_ignored_events")}
    reached = milestones(world)
    known = person_conditions(world)
    found = {}
    for rule in world.seed("audience_definitions"):
        for person, signup in world.signups.items():
            lively = sorted(
                [e.at for e in world.events.get(person, []) if e.name not in ignored
                 and signup <= e.at <= world.as_of] + [signup]
            )  # fmt: skip
            since = _since(rule, signup, lively, reached, person)
            if since is None or since > world.as_of:
                continue
            if rule["for_days"] and since + int(rule["for_days"]) * DAY <= world.as_of:
                continue
            done = [row for row in known[person] if row[4]]
            last = max((row[4] for row in done), default=None)
            # of steps completed at the same moment any may be named
            last_steps = {row[3] for row in done if row[4] == last}
            step = _next_step(rule["target_milestone"], known[person], reached, person)
            found[rule["audience"], person] = (
                since, last_steps or {None}, step, _prompt(world, rule["audience"], step),
            )  # fmt: skip
    return found


def _since(rule: dict, signup, lively, reached, person) -> datetime | None:
    wait = int(rule["after_days"]) * DAY
    if rule["rule"] == "milestone_missing":
        return None if person in reached[rule["target_milestone"]] else signup + wait
    if rule["rule"] == "no_event":
        return lively[-1] + wait
    if rule["rule"] == "no_event_since_activation":
        if person not in reached["activation"]:
            return None
        at = reached["activation"][person][0]
        return None if any(t.date() > at.date() for t in lively) else at + wait
    assert rule["rule"] == "came_back"
    back = [later for earlier, later in pairwise(lively) if later - earlier >= wait]
    return back[-1] if back else None


def _next_step(target: str, rows: list[tuple], reached, person) -> str | None:
    for milestone in [target] if target else ["activation", "habit"]:
        if person in reached[milestone]:
            continue
        groups: dict[int, list[tuple]] = {}
        for row in rows:
            if row[0] == milestone and row[4] is None:
                groups.setdefault(row[1], []).append(row)
        if groups:
            group = min(groups, key=lambda g: (len(groups[g]), g))
            return min(groups[group], key=lambda row: row[2])[3]
    return None


def _prompt(world: World, audience: str, step: str | None) -> str | None:
    best = None
    for row in world.seed("audience_prompts"):
        if row["product_line"] not in ("", world.line) or row["audience"] not in ("", audience):
            continue
        if row["next_step"] not in ("", step or "-"):
            continue
        fit = (row["next_step"] != "", row["audience"] != "", row["product_line"] != "")
        if best is None or fit > best[0]:
            best = (fit, row["prompt_key"])
    return best[1] if best else None


def world_of_core(query: Callable[[str], list[tuple]]) -> World:
    """A built company as the core facts tell it: every event with its exact time and person."""
    [(as_of,)] = query("select as_of_at from core.dim_as_of")
    people = query(
        "select person_id, signed_up_at, primary_account_id from core.dim_people "
        f"where signed_up_at <= timestamp '{as_of}'"
    )
    accounts = query(
        f"select account_id, signed_up_at from core.dim_accounts where signed_up_at <= '{as_of}'"
    )
    events: dict[str, list[Event]] = {person: [] for person, _, _ in people}
    for person, name, at in query(
        "select person_id, event_name, event_at from core.fct_person_events"
    ):
        if person in events:
            events[person].append(Event(name, at))
    return World(
        "analytics",
        as_of,
        {person: signup for person, signup, _ in people},
        {person: account for person, _, account in people},
        dict(accounts),
        events,
    )


def as_of_aware(world: World) -> datetime:
    return world.as_of.replace(tzinfo=UTC)
