"""A small company's calls, and its PQL scores worked out day by day, the slow way.

Shares no method with the models: for every account, day and signal all events are looked at
again, and what was not yet received is skipped. Only the seeds (rules as data) are the same.
"""

import csv
import json
import math
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path

from warehouse.settings import PROJECT_ROOT

AS_OF = datetime(2026, 4, 15, 13, 0)
FIRST_DAY = datetime(2026, 1, 12)
LAST_SCORE_DATE = date(2026, 4, 15)
DAY = timedelta(days=1)
CENT = Decimal("0.01")
ICP_INDUSTRIES = {"Software", "Financial Services", "Healthcare", "Retail", "Media", "Logistics"}
ICP_TOOLS = {"snowflake", "bigquery", "dbt", "segment"}


@dataclass(frozen=True)
class Event:
    """One track call, by the account it counts for."""

    account: str
    person: str
    name: str
    at: datetime
    received: datetime
    share: Decimal | None = None


@dataclass(frozen=True)
class Reason:
    """What one signal gave on one day."""

    points: Decimal
    evidence_count: int
    last_seen_at: datetime | None
    is_missing: bool
    decayed: Decimal = Decimal(0)  # before a normalised model divides, to six decimals
    category: str = ""


@dataclass(eq=False)
class Company:
    """What happened, what was sent, and what is known about each account."""

    events: list[Event] = field(default_factory=list)
    calls: list[dict] = field(default_factory=list)
    tickets: list[tuple[str, datetime]] = field(default_factory=list)
    emails: dict[str, list[tuple[date, str]]] = field(default_factory=dict)  # by account
    signed_up: dict[str, datetime] = field(default_factory=dict)  # by account
    firmographics: dict[str, tuple[int | None, str | None, str | None]] = field(
        default_factory=dict
    )
    contracts: list[tuple[str, date, date]] = field(default_factory=list)


@cache
def seed_rows(name: str) -> list[dict]:
    with (PROJECT_ROOT / "seeds" / f"{name}.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


# ------------------------------------------------------------------ the company

HABITS = {  # events a day and person while keen
    "query_run": 0.6,
    "dashboard_viewed": 0.7,
    "teammate_invited": 0.12,
    "pricing_page_viewed": 0.08,
    "support_contacted": 0.04,
    "logged_in": 0.9,
    "limit_reached": 0.06,
    "alert_created": 0.08,
    "checkout_started": 0.05,
    "checkout_completed": 0.02,
}


def make_company(seed: int, accounts: int = 14) -> Company:
    chance = random.Random(seed)
    company = Company()
    for number in range(accounts):
        _make_account(company, chance, number)
    # a free user without any account is nobody's lead
    _call(company, "loner", None, "identify", FIRST_DAY, traits={"email": "lone@gmail.com"})
    _call(company, "loner", None, "track", FIRST_DAY, event="signed_up")
    # a contractor's work counts where it was done
    _track(company, "acc_01", "acc_00_p0", "query_run", FIRST_DAY + 40 * DAY, chance)
    _burst(company, chance, "acc_01", "api_called", days=12, times=10, minutes=1)
    _burst(company, chance, "acc_06", "query_run", days=4, times=22, minutes=7)
    _burst(company, chance, "acc_07", "query_run", days=6, times=3, minutes=100)
    _burst(company, chance, "acc_08", "teammate_invited", days=2, times=3, minutes=9)
    _burst(company, chance, "acc_08", "alert_created", days=2, times=1, minutes=9)
    # paying for a while, paying still, paying to the very last day
    company.contracts = [
        ("acc_02", date(2026, 2, 10), date(2026, 3, 20)),
        ("acc_03", date(2026, 3, 1), date(2027, 2, 28)),
        ("acc_04", date(2026, 3, 1), LAST_SCORE_DATE),
        ("acc_05", date(2026, 2, 1), date(2026, 4, 14)),
    ]
    chance.shuffle(company.calls)
    return company


def _make_account(company: Company, chance: random.Random, number: int) -> None:
    account = f"acc_{number:02d}"
    is_private = number % 5 == 4
    domain = None if is_private else f"company{number:02d}.com"
    start = FIRST_DAY + timedelta(days=chance.randrange(25), seconds=chance.randrange(86_400))
    for index in range(1 + number % 4):
        person = f"{account}_p{index}"
        signup = start + timedelta(days=chance.randrange(20) if index else 0, minutes=index)
        email = f"{person.replace('_', '.')}@{domain or 'gmail.com'}"
        has_email = number % 7 != 6
        _call(
            company,
            person,
            account,
            "identify",
            signup,
            traits={"email": email} if has_email else {},
        )
        _track(company, account, person, "signed_up", signup, chance, late=False)
        _call(company, person, account, "group", signup, traits=_group_traits(number, domain))
        if has_email:
            company.emails.setdefault(account, []).append((signup.date(), email))
        company.signed_up[account] = min(company.signed_up.get(account, signup), signup)
        if index == 0 and number % 3 == 0:  # seen before sign-up, known to be theirs since
            at = signup - timedelta(days=2)
            _call(
                company,
                None,
                None,
                "track",
                at,
                event="pricing_page_viewed",
                anonymousId=f"dev_{person}",
            )
            company.events.append(Event(account, person, "pricing_page_viewed", at, at))
        _live(company, chance, account, person, signup)
    _report_usage(company, chance, account, start)
    for _ in range(chance.randrange(3)):
        opened = start + timedelta(days=chance.randrange(60), hours=chance.randrange(24))
        company.tickets.append((account, opened.replace(microsecond=0)))
    company.firmographics[account] = _firmographics(number)


def _group_traits(number: int, domain: str | None) -> dict:
    traits: dict = {"name": f"Company {number}"}
    if domain:
        traits["domain"] = domain
    else:  # told by the product only
        traits |= {"employees": 80, "industry": "Software"}
    return traits


def _firmographics(number: int) -> tuple[int | None, str | None, str | None]:
    """Employees, industry, tech stack as the warehouse should know them."""
    if number % 5 == 4:
        return 80, "Software", None
    return [
        (120, "Software", "looker;dbt"),
        (19, "Software", "dbt"),
        (20, "Media", "segment"),
        (5000, "Retail", "tableau"),
        (None, None, None),
    ][number % 6 % 5]


def hiring_of(account: str) -> str:
    """Open positions the supplier of company data names."""
    return "data engineer" if account in ("acc_00", "acc_06", "acc_07") else ""


def _live(company: Company, chance: random.Random, account: str, person: str, signup: datetime):
    """Keen for some weeks, away for some, perhaps back."""
    keen = [(0, chance.randrange(3, 30)), (chance.randrange(40, 60), chance.randrange(61, 80))]
    for first, last in keen:
        for day in range(first, last):
            for name, rate in HABITS.items():
                while chance.random() < rate * 0.6:
                    at = signup + timedelta(days=day, seconds=chance.randrange(1, 80_000))
                    _track(company, account, person, name, at, chance)
                    rate /= 2


def _burst(company, chance, account: str, name: str, days: int, times: int, minutes: int):
    """Many of one event a day, so many minutes apart."""
    for day in range(days):
        for number in range(times):
            at = FIRST_DAY + timedelta(days=35 + day, hours=9, minutes=minutes * number)
            _track(company, account, f"{account}_p0", name, at, chance)


def _report_usage(company: Company, chance: random.Random, account: str, start: datetime):
    share = chance.random() * 0.4
    for week in range(10):
        share += chance.random() * 0.12
        used = 50 if week == 5 else round(share * 100)  # exactly half does not count
        at = start + timedelta(days=7 * week, hours=3)
        _track(
            company,
            account,
            f"{account}_p0",
            "usage_reported",
            at,
            chance,
            properties={"quota_used": used, "quota_limit": 100},
            share=Decimal(used) / 100,
        )


def _track(company, account, person, name, at, chance, late=True, properties=None, share=None):
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    received = at + timedelta(seconds=2)
    if late and chance.random() < 0.12:
        received = at + timedelta(days=chance.choice([1, 2, 5, 13, 14, 29, 30, 40]))
    elif late and chance.random() < 0.02:  # the sender's clock is ahead
        received = at - timedelta(hours=5)
    if received > AS_OF:
        return
    _call(
        company,
        person,
        account,
        "track",
        at,
        event=name,
        received=received,
        properties=properties or {},
    )
    company.events.append(Event(account, person, name, at, received, share))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds") + "Z"


def _call(company, person, account, kind, at, received=None, **fields):
    call = {
        "messageId": f"m{len(company.calls)}",
        "type": kind,
        "timestamp": _iso(at),
        "receivedAt": _iso(received or at + timedelta(seconds=1)),
    }
    if person:
        call |= {"userId": f"usr_{person}", "anonymousId": f"dev_{person}"}
    if account:
        call |= {"groupId": account} if kind == "group" else {"context": {"groupId": account}}
    company.calls.append(call | fields)


def write_landing(company: Company, landing: Path) -> None:
    by_day: dict[str, list[str]] = {}
    for call in company.calls:
        by_day.setdefault(call["receivedAt"][:10], []).append(json.dumps(call))
    for day, lines in by_day.items():
        folder = landing / "events" / "segment" / day
        folder.mkdir(parents=True)
        (folder / "calls.jsonl").write_text("\n".join(lines) + "\n")
    _write_csv(
        landing / "contracts" / "contracts.csv",
        "account,start,end,annual_value,currency,seats,billing_frequency,signed_date,owner",
        [(a, s, e, "12000.00", "USD", 10, "annual", s, "rep") for a, s, e in company.contracts],
    )
    _write_csv(
        landing / "support_tickets" / "tickets.csv",
        "id,account,requester,opened,first_response,resolved,channel,deflected_by",
        [
            (f"t{n}", account, "", _iso(opened), "", "", "chat", "none")
            for n, (account, opened) in enumerate(company.tickets)
        ],
    )
    _write_csv(
        landing / "firmographics" / "companies.csv",
        "domain,company,employees,industry,country,tech_stack,hiring_signals,ip_ranges",
        [
            (
                f"company{account[4:]}.com",
                "",
                employees,
                industry,
                "US",
                tools,
                hiring_of(account),
                "",
            )
            for account, (employees, industry, tools) in company.firmographics.items()
            if tools
        ],
    )


def _write_csv(path: Path, header: str, rows: list[tuple]) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(header.split(","))
        writer.writerows(rows)


def now_aware() -> datetime:
    return AS_OF.replace(tzinfo=UTC)


# ------------------------------------------------------------------ its scores


def models() -> dict[str, dict]:
    return {row["model_key"]: row for row in seed_rows("pql_models")}


def signals_of(model: str) -> list[dict]:
    return [row for row in seed_rows("pql_signals") if row["model_key"] == model]


@cache
def _event_names(listed: str) -> set[str]:
    flag = {"*": "is_product_activity", "*power": "is_power_feature"}.get(listed)
    if flag is None:
        return set(listed.split(";"))
    return {row["event_name"] for row in seed_rows("event_registry") if row[flag] == "true"}


def _is_paying(company: Company, account: str, day: date) -> bool:
    return any(a == account and start <= day <= end for a, start, end in company.contracts)


def _stretches(events: list[Event]) -> int:
    """Runs of one person's events without a break of more than half an hour, within a day."""
    times: dict[tuple, list[datetime]] = {}
    for event in events:
        kind = (event.account, event.person, event.name, event.at.date(), event.received.date())
        times.setdefault(kind, []).append(event.at)
    return sum(
        1 + sum(b - a > timedelta(minutes=30) for a, b in pairwise(row))
        for row in map(sorted, times.values())
    )


def _waiting(events: list[Event], signal: dict, seen: list[Event], day: date) -> list[Event]:
    """Of what was begun, what nothing ended: of a person's day the last counts for all."""
    until = min(datetime.combine(day, datetime.min.time()) + DAY, AS_OF)
    ends = set(signal["unless_event_names"].split(";"))
    begun: dict[tuple, list[Event]] = {}
    for event in seen:
        begun.setdefault((event.account, event.person, event.at.date()), []).append(event)
    found = []
    for started in begun.values():
        last = max(event.at for event in started)
        overdue = last + timedelta(hours=int(signal["threshold"]))
        ended = any(
            event.name in ends and event.received.date() <= day and last <= event.at
            and event.at.date() <= day
            for event in events
        )  # fmt: skip
        if not ended and (overdue <= AS_OF if day == LAST_SCORE_DATE else overdue < until):
            found += started
    return found


def _behaviour(events: list[Event], signal: dict, day: date) -> Reason | None:
    window = int(signal["window_days"])
    kind = signal["kind"]
    names = {"usage_reported"} if kind == "quota_share" else _event_names(signal["event_names"])
    seen = [
        event
        for event in events
        if event.name in names
        and event.received.date() <= day
        and day - window * DAY < event.at.date() <= day
        and (kind != "quota_share" or event.share > Decimal(signal["threshold"]))
    ]
    by_day: dict[date, int] = {}
    for event in seen:
        by_day[event.at.date()] = by_day.get(event.at.date(), 0) + 1
    if kind == "not_followed":
        seen = _waiting(events, signal, seen, day)
    count = {
        "event_count": lambda: len(seen),
        "quota_share": lambda: len(seen),
        "not_followed": lambda: len(seen),
        "session_count": lambda: _stretches(seen),
        "distinct_days": lambda: len(by_day),
        "distinct_users": lambda: len({event.person for event in seen}),
        "busy_days": lambda: sum(n >= int(signal["threshold"]) for n in by_day.values()),
    }[kind]()
    if count < int(signal["min_count"]):
        return None
    last = max(event.at for event in seen)
    points = Decimal(signal["points"])
    if signal["half_life_days"]:
        age = Decimal((day - last.date()).days)
        points *= Decimal("0.5") ** (age / Decimal(signal["half_life_days"]))
    decayed = points.quantize(Decimal("0.000001"), ROUND_HALF_UP)
    rounded = decayed.quantize(CENT, ROUND_HALF_UP)
    return Reason(rounded, count, last, False, decayed, signal["category"])


def _icp(company: Company, account: str) -> dict[str, bool | None]:
    employees, industry, tools = company.firmographics[account]
    answers = {
        "icp_employees": None if employees is None else 20 <= employees <= 5000,
        "icp_industry": None if industry is None else industry in ICP_INDUSTRIES,
        "icp_tech_stack": None if tools is None else bool(ICP_TOOLS & set(tools.split(";"))),
    }
    known = answers.values()
    return answers | {"icp_match": False if False in known else None if None in known else True}


def _attribute(company: Company, entity: str, account: str, signal: dict, day: date):
    attribute, count = signal["attribute"], 1
    if attribute == "employees":
        employees = company.firmographics[account][0]
        answer = None if employees is None else employees >= int(signal["threshold"])
    elif attribute == "hiring_signals":
        has_row = bool(company.firmographics[account][2]) and int(account[4:]) % 5 != 4
        answer = bool(hiring_of(account)) if has_row else None
    elif attribute == "business_email":
        known = [email for since, email in company.emails.get(account, []) if since <= day]
        if entity != account:
            known = [email for email in known if email.split("@")[0].replace(".", "_") == entity]
        count = sum(not email.endswith("@gmail.com") for email in known)
        answer = count > 0 if known else None
    else:
        answer = _icp(company, account)[attribute]
    if answer is None:
        return Reason(Decimal("0.00"), 0, None, True, Decimal(0), signal["category"])
    if not answer:
        return None
    points = Decimal(signal["points"]).quantize(CENT)
    return Reason(points, count, None, False, points, signal["category"])


@cache
def members(company: Company) -> dict[str, dict[str, date]]:
    """People of each account, and the day it was first received that they are."""
    found: dict[str, dict[str, date]] = {}
    for call in company.calls:
        account = call.get("groupId") or call.get("context", {}).get("groupId")
        if account and call.get("userId") and call["type"] in ("track", "group"):
            people = found.setdefault(account, {})
            person, day = call["userId"][4:], date.fromisoformat(call["receivedAt"][:10])
            people[person] = min(people.get(person, day), day)
    return found


def _factor(company: Company, model: str, account: str, count_people: int) -> Decimal:
    multiplier = 1.0
    employees = company.firmographics[account][0]
    for row in seed_rows("pql_potentials"):
        of_this_model = row["model_key"] == model and employees is not None
        if of_this_model and employees >= int(row["min_employees"]):
            multiplier = max(multiplier, float(row["multiplier"]))
    factor = Decimal(multiplier / max(1.0, math.log10(count_people + 1)))
    return factor.quantize(Decimal("0.000000001"), ROUND_HALF_UP)


def _as_the_model_counts(model: dict, signals: list[dict], met: dict, factor: Decimal) -> dict:
    """Points of each reason: what the method makes of the signals that are met."""
    rules: dict[str, list[str]] = {}
    for signal in signals:
        rules.setdefault(signal["rule_key"] or signal["signal_key"], []).append(
            signal["signal_key"]
        )
    whole = {rule: keys for rule, keys in rules.items() if all(key in met for key in keys)}
    met = {key: met[key] for keys in whole.values() for key in keys}
    if model["method"] == "triggers":
        worth = {rule: sum(met[key].points for key in keys) for rule, keys in whole.items()}
        strongest = min(worth, key=lambda rule: (-worth[rule], rule), default=None)
        told = {key for rule, keys in whole.items() if rule != strongest for key in keys}
        return {
            key: replace(reason, points=Decimal("0.00")) if key in told else reason
            for key, reason in met.items()
        }
    if model["method"] == "normalised":
        return {
            key: reason
            if reason.category == "fit"
            else replace(reason, points=(reason.decayed * factor).quantize(CENT, ROUND_HALF_UP))
            for key, reason in met.items()
        }
    return {key: r for key, r in met.items() if r.points or r.is_missing}


@cache
def reasons(company: Company, model_key: str) -> dict[tuple[str, date], dict[str, Reason]]:
    """Every scored account (or person) and day, with the signals that gave points or are unknown.

    Of a normalised model the points of a reason are rounded each for itself: the warehouse's
    may be a cent off, so that they add up.
    """
    model, signals = models()[model_key], signals_of(model_key)
    of_users = model["level"] == "user"
    tickets = [
        Event(account, "", "support_ticket_opened", opened, opened)
        for account, opened in company.tickets
    ]
    people_of = members(company)
    found: dict[tuple[str, date], dict[str, Reason]] = {}
    for account, signed_up in company.signed_up.items():
        own = [p for p in people_of[account] if p.startswith(account)] if of_users else [account]
        for entity in own:
            events = [
                event
                for event in company.events + tickets
                if (event.person if of_users else event.account) == entity
            ]
            day = max(signed_up.date(), min(people_of[account].values()))
            if of_users:
                day = max(day, people_of[account][entity])
            while day <= LAST_SCORE_DATE:
                if not _is_paying(company, account, day):
                    met = {}
                    for signal in signals:
                        if signal["kind"] == "attribute":
                            reason = _attribute(company, entity, account, signal, day)
                        else:
                            reason = _behaviour(events, signal, day)
                        if reason:
                            met[signal["signal_key"]] = reason
                    count = sum(known <= day for known in people_of[account].values())
                    factor = _factor(company, model_key, account, count)
                    made = _as_the_model_counts(model, signals, met, factor)
                    if not of_users or any(r.category != "fit" for r in made.values()):
                        found[entity, day] = made
                day += DAY
    return found


@cache
def scores(company: Company, model_key: str) -> dict[tuple[str, date], tuple[Decimal, int, str]]:
    """Points, 1-to-10 score and tier of every scored account (or person) and day."""
    model = models()[model_key]
    bounds = sorted(
        ((Decimal(r["min_points"]), r["tier"]) for r in seed_rows("pql_tiers")
         if r["model_key"] == model_key), reverse=True,
    )  # fmt: skip
    low, high = Decimal(model["score_1_points"]), Decimal(model["score_10_points"])
    people_of = members(company)
    found = {}
    for (entity, day), by_signal in reasons(company, model_key).items():
        made = by_signal.values()
        points = sum((reason.points for reason in made), Decimal("0.00"))
        if model["method"] == "normalised":  # in one piece: no rounding on the way
            count = sum(known <= day for known in people_of[entity].values())
            behaviour = sum((r.decayed for r in made if r.category != "fit"), Decimal(0))
            behaviour *= _factor(company, model_key, entity, count)
            points = behaviour.quantize(CENT, ROUND_HALF_UP)
            points += sum((r.points for r in made if r.category == "fit"), Decimal("0.00"))
        scale = 1 + (9 * (points - low) / (high - low)).quantize(Decimal(1), ROUND_HALF_UP)
        tier = next(name for bound, name in bounds if points >= bound)
        found[entity, day] = (points, int(min(10, max(1, scale))), tier)
    return found


def transitions(company: Company, model_key: str) -> set[tuple[str, date, str, str]]:
    """Account (or person), day, tier before, tier after."""
    tiers = {key: tier for key, (_, _, tier) in scores(company, model_key).items()}
    return {
        (entity, day, before, tier)
        for (entity, day), tier in tiers.items()
        if (before := tiers.get((entity, day - DAY), "none")) != tier
    }
