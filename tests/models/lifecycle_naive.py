"""A small company's events, and its lifecycle counted the slow way.

Shares no code with the models: plain loops over the calls as they were sent. What is known
here by construction (who is who) the models must find out from ids.
"""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median

AS_OF = datetime(2026, 4, 15, 13, 0)  # a Wednesday
START = datetime(2026, 1, 5)  # a Monday
DAY = timedelta(days=1)
SEGMENTS = {"acc_00": 12, "acc_01": 400, "acc_02": 9000, "acc_03": 50, "acc_04": 51}
STAGES = ["visitor", "signed_up", "activated", "paying", "expanded"]


@dataclass(frozen=True)
class Event:
    """A track or page call of one person; `group` is the account it names."""

    person: str
    name: str
    at: datetime
    is_signed_in: bool
    group: str | None = None


@dataclass
class Company:
    """Everything that happened: events by person, identify/group calls, contracts."""

    events: list[Event] = field(default_factory=list)
    calls: list[dict] = field(default_factory=list)  # as sent
    identified: dict[str, datetime] = field(default_factory=dict)  # first call with a user id
    joined: dict[tuple[str, str], datetime] = field(default_factory=dict)  # (account, person)
    contracts: list[tuple[str, date, date, int]] = field(default_factory=list)


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


# ------------------------------------------------------------------ the company


def make_company(seed: int, people: int = 60) -> Company:
    """Random people with every edge of the milestone windows among them."""
    chance = random.Random(seed)
    company = Company()
    for number in range(people):
        _make_person(company, chance, number)
    for number in range(12):  # visitors who never sign up
        _track(company, f"visitor_{number}", "page_viewed", _moment(chance, 90), None, False)
    company.contracts = _contracts(company)
    chance.shuffle(company.calls)
    return company


def _moment(chance: random.Random, days: float) -> datetime:
    return START + timedelta(milliseconds=chance.randrange(int(days * 86_400_000)))


def _make_person(company: Company, chance: random.Random, number: int) -> None:
    person = f"p{number:02d}"
    home = f"acc_{number % 14:02d}" if number % 5 else None
    signup = _moment(chance, 101)
    if number in (1, 2):  # two people tie on everything
        signup = START + timedelta(days=10, hours=9)
    if number == 3:  # the last second of a week
        signup = datetime(2026, 3, 29, 23, 59, 59)
    for _ in range(chance.randrange(4)):
        at = signup - timedelta(hours=chance.random() * 24 * 12)
        _track(company, person, "page_viewed", at, None, False)
    if chance.random() < 0.3:  # before sign-up: must not count
        _track(company, person, "dashboard_viewed", signup - timedelta(hours=1), None, False)
    _identify(company, person, signup)
    if number % 7:  # some send no signed_up: the first call with the user id stands for it
        _track(company, person, "signed_up", signup, home)
    if home:
        _group(company, person, home, signup + timedelta(seconds=1))
    if number in (1, 2):
        for name in ("workspace_created", "data_source_connected", "dashboard_viewed"):
            _track(company, person, name, signup + timedelta(minutes=5), home)
        return
    if chance.random() < 0.6:
        delay = chance.choice([0.01, 0.2, 3.0, 13.9999, 14.0, 14.5])
        _track(company, person, "workspace_created", signup + delay * DAY, home)
    if chance.random() < 0.75:
        delay = chance.choice([0.02, 0.5, 6.9999, 7.0, 29.9999, 30.0])
        _track(company, person, "data_source_connected", signup + delay * DAY, home)
    for _ in range(chance.randrange(7)):
        delay = chance.choice(
            [0.03, 1.0, 7.0, 12.5, 29.999, 30.0, 37.0, 59.9, chance.random() * 60]
        )
        _track(company, person, "Dashboard Viewed", signup + delay * DAY, home)
    other = f"acc_{(number + 3) % 14:02d}" if number % 11 == 0 else home
    for _ in range(chance.randrange(18)):
        name = chance.choice(["query_run", "create_report", "comment_added", "page_viewed"])
        at = signup + timedelta(days=chance.random() ** 2 * 80)
        _track(company, person, name, at, chance.choice([home, home, other]))


def _canonical(name: str) -> str:
    return {"Dashboard Viewed": "dashboard_viewed", "create_report": "report_created"}.get(
        name, name
    )


def _track(company, person, name, at, group, is_signed_in=True) -> None:
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    if at > AS_OF:
        return
    call = {"anonymousId": f"anon-{person}-{person}"}
    if is_signed_in:
        call["userId"] = f"usr_{person}"
        company.identified[person] = min(company.identified.get(person, at), at)
    if group:
        call["context"] = {"groupId": group}
        _join(company, group, person, at)
    if name == "page_viewed":
        call |= {"type": "page", "name": "Home"}
    else:
        call |= {"type": "track", "event": name}
    _send(company, call, at)
    company.events.append(Event(person, _canonical(name), at, is_signed_in, group))


def _identify(company, person, at) -> None:
    company.identified[person] = min(company.identified.get(person, at), at)
    ids = {"userId": f"usr_{person}", "anonymousId": f"anon-{person}-{person}"}
    _send(company, ids | {"type": "identify", "traits": {"name": person}}, at)


def _group(company, person, account, at) -> None:
    if at > AS_OF:
        return
    traits = {"name": account, "domain": f"{account.replace('_', '-')}.example"}
    call = {"type": "group", "userId": f"usr_{person}", "groupId": account, "traits": traits}
    _send(company, call, at)
    _join(company, account, person, at)


def _join(company, account, person, at) -> None:
    key = (account, person)
    company.joined[key] = min(company.joined.get(key, at), at)


def _send(company, call, at) -> None:
    stamp = at.isoformat(timespec="milliseconds") + "Z"
    message = {"messageId": f"m{len(company.calls):05d}", "timestamp": stamp, "receivedAt": stamp}
    company.calls.append(message | call)


def _contracts(company: Company) -> list[tuple[str, date, date, int]]:
    """Account, first day, last day, dollars a year: before, on and after the activation."""
    activated = account_milestones(company)["activation"]
    accounts = sorted(activated, key=lambda account: (activated[account], account))[:5]
    contracts = []
    for account, days_after in zip(accounts, [-1, 0, 3, 9, 20], strict=True):
        begin = activated[account].date() + timedelta(days=days_after)
        contracts.append((account, begin, begin + timedelta(days=364), 1200))
        if days_after >= 3:
            contracts.append((account, begin + 5 * DAY, begin + timedelta(days=364), 2400))
    silent = next(account for account in sorted(accounts_of(company)) if account not in activated)
    contracts.append((silent, date(2026, 3, 2), date(2027, 3, 1), 600))
    return contracts


def write_landing(company: Company, landing: Path) -> None:
    """The company as source files: three JSONL files with repeated lines, and CSVs."""
    events = landing / "events" / "segment"
    events.mkdir(parents=True)
    lines = [json.dumps(call) for call in company.calls]
    for part in range(3):
        mine = lines[part::3] + lines[part : part + 10]  # the ten again
        (events / f"part-{part}.jsonl").write_text("\n".join(mine) + "\n")
    _write_csv(
        landing / "contracts" / "contracts.csv",
        "account,start,end,annual_value,currency,seats,billing_frequency,signed_date,owner",
        (
            f"{account},{begin},{end},{value},USD,10,annual,{begin},"
            for account, begin, end, value in company.contracts
        ),
    )
    _write_csv(
        landing / "firmographics" / "firmographics.csv",
        "domain,company,employees,industry,country,tech_stack,hiring_signals,ip_ranges",
        (
            f"{account.replace('_', '-')}.example,{account},{employees},Software,US,,,"
            for account, employees in SEGMENTS.items()
        ),
    )


def _write_csv(path: Path, header: str, rows: Iterable[str]) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([header, *rows]) + "\n")


def now_aware() -> datetime:
    return AS_OF.replace(tzinfo=UTC)


# ------------------------------------------------------------------ who and when


def signups(company: Company) -> dict[str, datetime]:
    """person → earliest signed_up, else the earliest call that carries the user id."""
    found = {}
    for person, first_identified in company.identified.items():
        times = [e.at for e in company.events if e.person == person and e.name == "signed_up"]
        found[person] = min(times) if times else first_identified
    return found


def accounts_of(company: Company) -> dict[str, datetime]:
    """account → its sign-up: when the first of its people came to it."""
    people = signups(company)
    found: dict[str, datetime] = {}
    for (account, person), at in company.joined.items():
        own = sorted((joined, a) for (a, p), joined in company.joined.items() if p == person)
        came = min(at, people[person]) if own[0][1] == account else at
        found[account] = min(found.get(account, came), came)
    return found


def primary_accounts(company: Company) -> dict[str, str | None]:
    """person → the account most of their events name; ties to the one joined first."""
    primary: dict[str, str | None] = {}
    for person in signups(company):
        own = [account for account, p in company.joined if p == person]

        def place(account: str, person: str = person) -> tuple:
            count = sum(e.person == person and e.group == account for e in company.events)
            return (-count, company.joined[account, person], account)

        primary[person] = min(own, key=place) if own else None
    return primary


def segment(account: str | None) -> str:
    employees = SEGMENTS.get(account or "")
    if employees is None:
        return "unknown"
    return "1-50" if employees <= 50 else "51-500" if employees <= 500 else "500+"


# ------------------------------------------------------------------ activation


def milestones(company: Company) -> dict[str, dict[str, datetime]]:
    """milestone → person → when, by the analytics product line's definitions."""
    reached: dict[str, dict[str, datetime]] = {"setup": {}, "activation": {}, "habit": {}}
    for person, signup in signups(company).items():

        def first(name: str, begin: datetime, end: datetime, after: date | None = None, who=person):
            return min(
                (
                    e.at
                    for e in company.events
                    if e.person == who
                    and e.name == name
                    and begin <= e.at < end
                    and (after is None or e.at.date() > after)
                ),
                default=None,
            )

        for milestone, days, names in [
            ("setup", 14, ["workspace_created", "data_source_connected"]),
            ("activation", 30, ["data_source_connected", "dashboard_viewed"]),
        ]:
            times = [first(name, signup, signup + days * DAY) for name in names]
            if None not in times:
                reached[milestone][person] = max(times)
        activated = reached["activation"].get(person)
        if activated:
            again = first("dashboard_viewed", activated, activated + 30 * DAY, activated.date())
            if again:
                reached["habit"][person] = again
    return reached


def account_milestones(company: Company) -> dict[str, dict[str, datetime]]:
    """milestone → account → when the first of its people reached it."""
    primary = primary_accounts(company)
    found: dict[str, dict[str, datetime]] = {}
    for milestone, people in milestones(company).items():
        accounts = found.setdefault(milestone, {})
        for person, at in people.items():
            account = primary[person]
            if account:
                accounts[account] = min(accounts.get(account, at), at)
    return found


def activation_cohorts(company: Company) -> dict[tuple[date, str], tuple]:
    """(week, segment) → sign-ups, activated in 7 days, median minutes, mature."""
    activated = milestones(company)["activation"]
    primary = primary_accounts(company)
    people = signups(company)
    rows = {}
    for week in {monday(at.date()) for at in people.values()}:
        for cut in ["all", "1-50", "51-500", "500+", "unknown"]:
            cohort = [
                person
                for person, at in people.items()
                if monday(at.date()) == week and cut in ("all", segment(primary[person]))
            ]
            if not cohort:
                continue
            taken = {p: activated[p] - people[p] for p in cohort if p in activated}
            in_window = sum(time < 7 * DAY for time in taken.values())
            minutes = [time.total_seconds() / 60 for time in taken.values()]
            closes = datetime.combine(week, datetime.min.time()) + 14 * DAY
            rows[week, cut] = (
                len(cohort),
                in_window,
                round(median(minutes), 6) if minutes else None,
                closes <= AS_OF,
            )
    return rows


# ------------------------------------------------------------------ funnel


def funnel(company: Company) -> dict[tuple[str, str], dict[str, datetime]]:
    """(entity type, entity) → stage → when reached in order, without the optional pql."""
    primary = primary_accounts(company)
    people = signups(company)
    activated = milestones(company)["activation"]
    account_activated = account_milestones(company)["activation"]
    seen = dict(company.identified)
    for event in company.events:
        seen[event.person] = min(seen.get(event.person, event.at), event.at)

    revenue: dict[str, list[tuple[str, date]]] = {}
    for account, begin, _, _ in company.contracts:
        kind = "expanded" if account in revenue else "paying"
        if begin <= AS_OF.date():
            revenue.setdefault(account, []).append((kind, begin))

    walks = {}
    for person, first_seen in seen.items():
        times = [("visitor", first_seen), ("signed_up", people.get(person))]
        times += [("activated", activated.get(person)), *revenue.get(primary.get(person) or "", [])]
        walks["person", person] = times
    for account, signup in accounts_of(company).items():
        members = [seen[person] for person in people if primary[person] == account]
        times = [("visitor", min([*members, signup])), ("signed_up", signup)]
        times += [("activated", account_activated.get(account)), *revenue.get(account, [])]
        walks["account", account] = times
    return {entity: _walk(times) for entity, times in walks.items()}


def _walk(times: list[tuple[str, datetime | date | None]]) -> dict[str, datetime]:
    """Stage by stage, each at or after the one before; a date counts as anywhere in its day."""
    reached: dict[str, datetime] = {}
    before = datetime.min
    for stage in STAGES:
        possible = []
        for name, at in times:
            if name != stage or at is None:
                continue
            if isinstance(at, datetime):
                if at >= before:
                    possible.append(at)
            elif before == datetime.min or at >= before.date():
                possible.append(max(datetime.combine(at, datetime.min.time()), before))
        if not possible:
            break
        before = reached[stage] = min(possible)
    return reached


# ------------------------------------------------------------------ retention


def active_days(company: Company) -> Mapping[tuple[str, str], set[date]]:
    """(entity type, entity) → days active, from the day of sign-up on."""
    primary = primary_accounts(company)
    days: dict[tuple[str, str], set[date]] = {}
    for person, at in signups(company).items():
        own = {e.at.date() for e in company.events if e.person == person}
        days["person", person] = {day for day in own if day >= at.date()} | {at.date()}
    for account, at in accounts_of(company).items():
        own = {
            e.at.date()
            for e in company.events
            if account == (e.group or primary.get(e.person)) and e.at.date() >= at.date()
        }
        days["account", account] = own | {at.date()}
    return days


def retention(company: Company) -> dict[tuple, tuple]:
    """(cohort, grain, entity type, method, day) → size, retained, mature."""
    rows: dict[tuple, tuple] = {}
    days = active_days(company)
    for entity_type in ("person", "account"):
        everyone = {e: d for (kind, e), d in days.items() if kind == entity_type}
        for cohort in {min(d) for d in everyone.values()}:
            members = [d for d in everyone.values() if min(d) == cohort]
            for number in (1, 7, 14, 30, 60, 90):
                day = cohort + timedelta(days=number)
                if day > AS_OF.date():
                    continue
                mature = day < AS_OF.date()
                on = sum(day in d for d in members)
                later = sum(max(d) >= day for d in members)
                rows[cohort, "day", entity_type, "bounded", number] = (len(members), on, mature)
                rows[cohort, "day", entity_type, "rolling", number] = (len(members), later, mature)
        for cohort in {monday(min(d)) for d in everyone.values()}:
            members = [d for d in everyone.values() if monday(min(d)) == cohort]
            week = cohort
            while week <= AS_OF.date():
                number = (week - cohort).days
                mature = week + timedelta(days=7) <= AS_OF.date()
                on = sum(any(monday(day) == week for day in d) for d in members)
                later = sum(any(day >= week for day in d) for d in members)
                rows[cohort, "week", entity_type, "bounded", number] = (len(members), on, mature)
                rows[cohort, "week", entity_type, "rolling", number] = (len(members), later, mature)
                week += timedelta(days=7)
    return rows


def active_users(company: Company) -> dict[date, tuple[int, int, int]]:
    """day → people active that day, in 7 days, in 30 days."""
    people = [d for (kind, _), d in active_days(company).items() if kind == "person"]
    rows = {}
    day = min(min(d) for d in people)
    while day <= AS_OF.date():
        rows[day] = tuple(
            sum(any(day - timedelta(days=length) < active <= day for active in d) for d in people)
            for length in (1, 7, 30)
        )
        day += timedelta(days=1)
    return rows


def lifecycle_weeks(company: Company) -> dict[tuple[str, str, date], str]:
    """(entity type, entity, Monday) → state."""
    rows = {}
    for (kind, entity), days in active_days(company).items():
        weeks = {monday(day) for day in days}
        week = min(weeks)
        while week <= AS_OF.date():
            if week not in weeks:
                state = "dormant"
            elif week == min(weeks):
                state = "new"
            elif week - timedelta(days=7) in weeks:
                state = "retained"
            else:
                state = "resurrected"
            rows[kind, entity, week] = state
            week += timedelta(days=7)
    return rows
