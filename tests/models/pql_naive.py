"""A small company's calls, and its PQL scores worked out day by day, the slow way.

Shares no method with the models: for every account, day and signal all events are looked at
again, and what was not yet received is skipped. Only the seeds (rules as data) are the same.
"""

import csv
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
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


@dataclass
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
            (f"company{account[4:]}.com", "", employees, industry, "US", tools, "", "")
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


def _active_event_names() -> set[str]:
    return {
        row["event_name"]
        for row in seed_rows("event_registry")
        if row["is_product_activity"] == "true"
    }


def _is_paying(company: Company, account: str, day: date) -> bool:
    return any(a == account and start <= day <= end for a, start, end in company.contracts)


def _behaviour(events: list[Event], signal: dict, names: set[str], day: date) -> Reason | None:
    window = int(signal["window_days"])
    seen = [
        event
        for event in events
        if event.name in names
        and event.received.date() <= day
        and day - window * DAY < event.at.date() <= day
        and (signal["kind"] != "quota_share" or event.share > Decimal(signal["threshold"]))
    ]
    count = {
        "event_count": len(seen),
        "quota_share": len(seen),
        "distinct_days": len({event.at.date() for event in seen}),
        "distinct_users": len({event.person for event in seen}),
    }[signal["kind"]]
    if count < int(signal["min_count"]):
        return None
    last = max(event.at for event in seen)
    halvings = Decimal((day - last.date()).days) / Decimal(signal["half_life_days"])
    points = Decimal(signal["points"]) * Decimal("0.5") ** halvings
    return Reason(points.quantize(CENT, ROUND_HALF_UP), count, last, False)


def _icp(company: Company, account: str) -> bool | None:
    employees, industry, tools = company.firmographics[account]
    answers = [
        None if employees is None else 20 <= employees <= 5000,
        None if industry is None else industry in ICP_INDUSTRIES,
        None if tools is None else bool(ICP_TOOLS & set(tools.split(";"))),
    ]
    if False in answers:
        return False
    return None if None in answers else True


def _attribute(company: Company, account: str, signal: dict, day: date) -> Reason | None:
    missing = Reason(Decimal("0.00"), 0, None, True)
    if signal["attribute"] == "icp_match":
        answer = _icp(company, account)
        if answer is None:
            return missing
        count = 1 if answer else 0
    else:
        known = [email for since, email in company.emails.get(account, []) if since <= day]
        if not known:
            return missing
        count = sum(not email.endswith("@gmail.com") for email in known)
    if count == 0:
        return None
    return Reason(Decimal(signal["points"]).quantize(CENT), count, None, False)


def reasons(company: Company) -> dict[tuple[str, date], dict[str, Reason]]:
    """Every scored account and day, with the signals that gave points or are unknown."""
    signals = [row for row in seed_rows("pql_signals") if row["model_key"] == "rubric_150"]
    active = _active_event_names()
    tickets = [
        Event(account, "", "support_ticket_opened", opened, opened)
        for account, opened in company.tickets
    ]
    found: dict[tuple[str, date], dict[str, Reason]] = {}
    for account, signed_up in company.signed_up.items():
        events = [e for e in company.events + tickets if e.account == account]
        day = signed_up.date()
        while day <= LAST_SCORE_DATE:
            if not _is_paying(company, account, day):
                found[account, day] = by_signal = {}
                for signal in signals:
                    if signal["kind"] == "attribute":
                        reason = _attribute(company, account, signal, day)
                    else:
                        listed = set(signal["event_names"].split(";"))
                        reason = _behaviour(
                            events, signal, active if listed == {"*"} else listed, day
                        )
                    if reason:
                        by_signal[signal["signal_key"]] = reason
            day += DAY
    return found


def scores(company: Company) -> dict[tuple[str, date], tuple[Decimal, int, str]]:
    """Points, 1-to-10 score and tier of every scored account and day."""
    found = {}
    for key, by_signal in reasons(company).items():
        points = sum((reason.points for reason in by_signal.values()), Decimal("0.00"))
        out_of_ten = 1 + (9 * points / 150).quantize(Decimal(1), ROUND_HALF_UP)
        tier = next(
            name
            for name, bound in [("hot", 80), ("warm", 50), ("watching", 30), ("none", 0)]
            if points >= bound
        )
        found[key] = (points, int(out_of_ten), tier)
    return found


def transitions(company: Company) -> set[tuple[str, date, str, str]]:
    """Account, day, tier before, tier after."""
    tiers = {key: tier for key, (_, _, tier) in scores(company).items()}
    return {
        (account, day, before, tier)
        for (account, day), tier in tiers.items()
        if (before := tiers.get((account, day - DAY), "none")) != tier
    }
