"""Sessions and touches counted the slow way, from the calls as they were sent.

Shares no code with the models: one pass over every event of a person's device, in order. Who
is who is told by ``tests.demo_company.raw_reading.People``, a plain union of ids.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.demo_company import raw_reading as raw

GAP = timedelta(minutes=30)
SERVERS = {"usage_reported", "api_called"}
SEEDS = Path(__file__).parents[2] / "seeds"
Call = tuple[dict[str, Any], datetime]


@dataclass
class Session:
    """What one person did on one device without a break; ``entry`` is how they came in."""

    person: str
    device: str | None
    started_at: datetime
    ended_at: datetime
    entry: dict[str, str | None]
    count_events: int = 0
    count_pages: int = 0
    is_signed_in: bool = False
    accounts: Counter[str] = field(default_factory=Counter)

    @property
    def channel(self) -> str:
        return self.entry.get("channel") or "direct"


def _rows(seed: str) -> list[dict[str, str]]:
    with (SEEDS / f"{seed}.csv").open() as file:
        return list(csv.DictReader(file))


CHANNELS = sorted(_rows("channel_rules"), key=lambda rule: int(rule["rule_number"]))
BOTS = [row["pattern"] for row in _rows("bot_user_agents")]


def is_bot(message: dict[str, Any]) -> bool:
    agent = message.get("context", {}).get("userAgent", "").lower()
    return any(re.search(pattern, agent) for pattern in BOTS)


def usable(identifier: str | None) -> str | None:
    text = (identifier or "").strip()
    return None if text.lower() in {"", "null", "undefined"} else text


def _host(url: str | None) -> str | None:
    host = (urlsplit(url or "").hostname or "").lower()
    return host.removeprefix("www.") or None


def entry_of(message: dict[str, Any]) -> dict[str, str | None]:
    """How a page call came in from outside, with its channel; empty when it did not."""
    if message["type"] != "page":
        return {}
    context = message.get("context", {})
    page, tags = context.get("page", {}), context.get("campaign", {})
    host = _host(page.get("referrer"))
    if host == _host(page.get("url")):
        host = None
    source = (tags.get("source") or "").lower() or None
    medium = (tags.get("medium") or "").lower() or None
    if not (source or medium or tags.get("name") or host):
        return {}
    texts = {
        "medium_pattern": medium or "",
        "source_pattern": source or "",
        "referrer_pattern": host or "",
    }
    channel = next(
        rule["channel"]
        for rule in CHANNELS
        if all(re.search(rule[kind], text) for kind, text in texts.items())
    )
    if channel == "ignored":
        return {}
    return {
        "channel": channel,
        "source": source or host,
        "medium": medium,
        "campaign": tags.get("name"),
        "term": tags.get("term"),
        "content": tags.get("content"),
        "referrer_host": host,
        "landing_url": page.get("url"),
    }


SOURCE = ("channel", "source", "medium", "campaign", "term", "content")


def sessions(calls: Iterable[Call], person_of: Callable[..., str | None]) -> list[Session]:
    """Every session, in no order."""
    streams: dict[tuple[str, str | None], list[tuple]] = defaultdict(list)
    for message, at in calls:
        name = {"page": "page_viewed", "screen": "screen_viewed"}.get(
            message["type"], raw.canonical(message.get("event"))
        )
        if message["type"] not in ("track", "page", "screen") or is_bot(message):
            continue
        user, device = usable(message.get("userId")), usable(message.get("anonymousId"))
        if name in SERVERS or not (user or device):
            continue
        person = person_of(user, device, at)
        assert person
        entry = entry_of(message)
        order = (at, not entry, message["messageId"])
        streams[person, device].append((order, message, user, entry))
    found = []
    for (person, device), events in streams.items():
        events.sort(key=lambda event: event[0])
        found += _split(person, device, events)
    return found


def _split(person: str, device: str | None, events: list[tuple]) -> list[Session]:
    found: list[Session] = []
    last_source = entered_at = None
    for (at, _, _), message, user, entry in events:
        if entry and at == entered_at:
            entry = {}  # another entry of the same moment
        if entry:
            entered_at = at
        source = tuple(entry[key] for key in SOURCE) if entry else None
        is_after_gap = not found or at - found[-1].ended_at > GAP
        if is_after_gap:
            last_source = None
        if is_after_gap or (entry and source != last_source):
            found.append(Session(person, device, at, at, entry))
        if entry:
            last_source = source
        session = found[-1]
        session.ended_at = at
        session.count_events += 1
        session.count_pages += message["type"] in ("page", "screen")
        session.is_signed_in |= user is not None
        if group := message.get("context", {}).get("groupId"):
            session.accounts[group] += 1
    return found


def account_of(session: Session) -> str | None:
    """The account most events name, of several the first by name."""
    if not session.accounts:
        return None
    return min(session.accounts, key=lambda account: (-session.accounts[account], account))


def signups(calls: Iterable[Call], person_of: Callable[..., str | None]) -> dict[str, datetime]:
    """First signed_up event of a person, else the first call with a user id."""
    told: dict[str, datetime] = {}
    seen: dict[str, datetime] = {}
    for message, at in calls:
        user = usable(message.get("userId"))
        if not user or is_bot(message):
            continue
        person = person_of(user, usable(message.get("anonymousId")), at) or ""
        seen[person] = min(seen.get(person, at), at)
        if message.get("event") == "signed_up":
            told[person] = min(told.get(person, at), at)
    return seen | told


def touches(found: Iterable[Session], signed_up: dict[str, datetime]) -> dict[str, list[Session]]:
    """A person's touches in order: entries, and until sign-up direct sessions with a page."""
    by_person: dict[str, list[Session]] = defaultdict(list)
    for session in sorted(found, key=lambda s: s.started_at):
        end = signed_up.get(session.person)
        is_up_to_signup = end is None or session.started_at <= end
        if session.entry or (session.count_pages and is_up_to_signup):
            by_person[session.person].append(session)
    return by_person
