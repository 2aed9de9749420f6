"""Invitations, shared links, limits and zombies counted the slow way.

Shares no code with the models: loops over the calls as they were sent, and over what
``naive_sessions`` made of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from tests.models.naive_sessions import Call, Session, is_bot, usable

DAY = timedelta(days=1)
SENDING, ACCEPTING, SHARING = 30 * DAY, 14 * DAY, 30 * DAY
LIMITS = {"limit_reached", "feature_gate_hit"}


@dataclass
class Invite:
    """One invitation, and what became of it."""

    inviter: str
    sent_at: datetime
    invitee: str | None = None
    accepted_at: datetime | None = None
    next_invite_at: datetime | None = None
    is_converted: bool = False
    is_activated: bool = False


def _tracked(calls: Iterable[Call], person_of: Callable[..., str | None]) -> list[tuple]:
    """(event, person, at, properties) of every track call that counts, in order."""
    found = []
    for message, at in calls:
        user, device = usable(message.get("userId")), usable(message.get("anonymousId"))
        if message["type"] == "track" and (user or device) and not is_bot(message):
            found.append(
                (message["event"], person_of(user, device, at), at, message.get("properties", {}))
            )
    return sorted(found, key=lambda row: row[2])


def invites(
    calls: Iterable[Call],
    person_of: Callable[..., str | None],
    signed_up: dict[str, datetime],
    activated: dict[str, datetime],
) -> dict[str, Invite]:
    found: dict[str, Invite] = {}
    tracked = _tracked(calls, person_of)
    for event, person, at, properties in tracked:
        if event == "teammate_invited" and properties["invite_id"] not in found:
            found[properties["invite_id"]] = Invite(person, at)
    sent_by: dict[str, list[datetime]] = defaultdict(list)
    for invite in found.values():
        sent_by[invite.inviter].append(invite.sent_at)
    for event, person, at, properties in tracked:
        if event != "invite_accepted" or properties["invite_id"] not in found:
            continue
        invite = found[properties["invite_id"]]
        if invite.invitee:
            continue
        invite.invitee, invite.accepted_at = person, at
        invite.next_invite_at = min((t for t in sent_by[person] if t >= at), default=None)
        is_new = person in signed_up and signed_up[person] >= invite.sent_at
        invite.is_converted = is_new and at - invite.sent_at < ACCEPTING
        invite.is_activated = invite.is_converted and person in activated
    return found


def _start(day: datetime, grain: str) -> date:
    first = day.date()
    return first.replace(day=1) if grain == "month" else first - timedelta(days=first.weekday())


def _end(first: date, grain: str) -> date:
    if grain == "week":
        return first + timedelta(days=7)
    return (first + timedelta(days=31)).replace(day=1)


def invite_loop(
    found: dict[str, Invite], signed_up: dict[str, datetime], as_of: datetime
) -> dict[tuple[str, date], tuple]:
    """(users, inviters, sent, converted, activated, mature, K, median cycle in hours)"""
    rows = {}
    for grain in ("week", "month"):
        cohorts: dict[date, list[str]] = defaultdict(list)
        for person, at in signed_up.items():
            cohorts[_start(at, grain)].append(person)
        for first, people in cohorts.items():
            mine = [
                invite
                for invite in found.values()
                if invite.inviter in people
                and timedelta() <= invite.sent_at - signed_up[invite.inviter] < SENDING
            ]
            converted = sum(invite.is_converted for invite in mine)
            cycles = [
                (i.next_invite_at - i.sent_at) / timedelta(hours=1)
                for i in mine
                if i.next_invite_at
            ]
            closes = max(signed_up[person] for person in people) + SENDING + ACCEPTING
            rows[grain, first] = (
                len(people),
                len({invite.inviter for invite in mine}),
                len(mine),
                converted,
                sum(invite.is_activated for invite in mine),
                closes <= as_of and _end(first, grain) <= as_of.date(),
                converted / len(people),
                median(cycles) if cycles else None,
            )
    return rows


def shares(
    calls: Iterable[Call],
    person_of: Callable[..., str | None],
    touches: dict[str, list[Session]],
    signed_up: dict[str, datetime],
) -> dict[str, tuple[str, datetime, int, int]]:
    """By link: (sharer, shared at, visits, sign-ups)."""
    links: dict[str, tuple[str, datetime]] = {}
    for event, person, at, properties in _tracked(calls, person_of):
        if event == "report_shared" and properties.get("is_external") is True:
            links.setdefault(properties["share_id"], (person, at))
    visits: dict[str, int] = defaultdict(int)
    brought: dict[str, int] = defaultdict(int)
    for person, mine in touches.items():
        last = None
        for touch in mine:
            link = touch.entry.get("content") or ""
            if touch.channel != "shared_link" or link not in links:
                continue
            sharer, shared_at = links[link]
            if person == sharer or not timedelta() <= touch.started_at - shared_at < SHARING:
                continue
            visits[link] += 1
            end = signed_up.get(person)
            if end and touch.started_at <= end and end - shared_at < SHARING:
                last = link
        if last:
            brought[last] += 1
    return {link: (*who, visits[link], brought[link]) for link, who in links.items()}


def active_days(
    calls: Iterable[Call], person_of: Callable[..., str | None]
) -> dict[str, dict[date, set[str]]]:
    """Person → day → names of what they did."""
    found: dict[str, dict[date, set[str]]] = defaultdict(lambda: defaultdict(set))
    for message, at in calls:
        user, device = usable(message.get("userId")), usable(message.get("anonymousId"))
        is_event = message["type"] in ("track", "page", "screen")
        if is_event and (user or device) and not is_bot(message):
            person = person_of(user, device, at) or ""
            found[person][at.date()].add(message.get("event") or message["type"])
    return found


def quota_days(calls: Iterable[Call]) -> dict[str, list[tuple[date, float]]]:
    """Account → (day, share of the quota) as reported."""
    found: dict[str, list[tuple[date, float]]] = defaultdict(list)
    for message, at in calls:
        if message.get("event") == "usage_reported" and not is_bot(message):
            said: dict[str, Any] = message["properties"]
            account = message.get("context", {}).get("groupId")
            if account and said["quota_limit"] > 0:
                share = round(said["quota_used"] / said["quota_limit"], 4)
                found[account].append((at.date(), share))
    return found


def limits(
    days: dict[str, dict[date, set[str]]],
    quotas: dict[str, list[tuple[date, float]]],
    signed_up: dict[str, datetime],
    account_of: dict[str, str],
    paying: set[tuple[str, date]],
) -> dict[date, tuple[int, int, int, int]]:
    """Month → people (active and free, who had hit, whose account had been near, either)."""
    rows: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for person, mine in days.items():
        if person not in signed_up:
            continue
        account = account_of.get(person)
        hits = [day for day, names in mine.items() if names & LIMITS]
        near = [day for day, share in quotas.get(account or "", []) if share >= 0.8]
        for month in {d.replace(day=1) for d in mine if d >= signed_up[person].date()}:
            if account and (account, month) in paying:
                continue
            end = _end(month, "month")
            has_hit, has_been_near = any(d < end for d in hits), any(d < end for d in near)
            row = rows[month]
            row[0] += 1
            row[1] += has_hit
            row[2] += has_been_near
            row[3] += has_hit or has_been_near
    return {month: (row[0], row[1], row[2], row[3]) for month, row in rows.items()}


def zombies(
    days: dict[str, dict[date, set[str]]],
    quotas: dict[str, list[tuple[date, float]]],
    activated: Iterable[str],
    account_of: dict[str, str],
    paying_now: set[str],
    today: date,
) -> dict[str, int]:
    """Active, activated, free and never near a limit: (person → active days of the last 28)."""
    found = {}
    for person in activated:
        account = account_of.get(person) or ""
        recent = [day for day in days[person] if today - timedelta(days=28) < day <= today]
        near = any(share >= 0.8 for _, share in quotas.get(account, []))
        has_hit = any(names & LIMITS for names in days[person].values())
        if recent and not near and not has_hit and account not in paying_now:
            found[person] = len(recent)
    return found
