"""Sales and the accounts worth its time: hand-offs, answers, touches, and what reps write down.

The generator cannot score. An account is worth a call from the evening on which the things it
did in the weeks before its decision add up to `WORTH_A_CALL`, by a rule of this module's own.
How fast somebody answered leans on who paid (as in `experiments`): the share of payers by
response time is that of `RESPONSES`, in proportion.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from demo_company import names
from demo_company.clock import MS_DAY, MS_HOUR, MS_MINUTE, stream
from demo_company.intent import SHORT_WINDOW, Intent
from demo_company.world import Account, World

# points of the generator's own rule by what was done so far; at which sums whom it concerns
WORTH = {
    "core_workflow": 30, "teammates_invited": 25, "active_days": 20, "several_active_users": 20,
    "quota_used": 15, "icp_match": 15, "pricing_page_viewed": 10, "support_contacted": 10,
}  # fmt: skip
WORTH_A_CALL, WORTH_A_FAST_CALL = 50, 80
SALES_SIZE = 50  # employees above which Sales works an account; below, now and then
SMALL_SHARE = 0.10
# response after the first working moment of its owner: (name, share, share that pays)
RESPONSES = (("under 1 h", 0.40, 0.53), ("1 to 24 h", 0.35, 0.30), ("over 24 h", 0.25, 0.17))
NEVER_TOUCHED, REJECTED, ON_HOLD, ILLEGAL, AUTO_RESPONSE = 0.10, 0.25, 0.03, 0.02, 0.5
REASONS = (
    "not_icp", "bad_timing", "no_budget", "student", "competitor", "duplicate", "unreachable",
    "other",
)  # fmt: skip
REASON_SHARES = (0.22, 0.28, 0.16, 0.03, 0.03, 0.06, 0.16, 0.06)
MODEL = "rubric_150"


@dataclass
class Handoff:
    """What Sales made of one account; moments in ms."""

    account: Account
    tier: str
    qualified: int  # the midnight after the day
    owner: int
    synced: int
    response: str | None  # None: nobody ever called
    touched: int | None
    answered_by_robot: int | None
    statuses: list[tuple[int, str, str | None]] = field(default_factory=list)
    """(ms, status, reason of a rejection)"""
    has_paid: bool = False


class WorkingTime:
    """Nine to five, Monday to Friday, where the owner lives, but for their days off."""

    def __init__(self, owner: int) -> None:
        self.zone = ZoneInfo(names.OWNER_ZONES[owner])
        self.days_off = [
            (date.fromisoformat(first), date.fromisoformat(last))
            for who, first, last in names.DAYS_OFF
            if who == owner
        ]

    def next(self, ms: float) -> int:
        """The moment itself, or the next opening of the office."""
        local = datetime.fromtimestamp(ms / 1000, UTC).astimezone(self.zone)
        while True:
            day = local.date()
            is_off = any(first <= day <= last for first, last in self.days_off)
            if day.weekday() < 5 and not is_off and local.hour < 17:
                opens = datetime.combine(day, time(9), self.zone)
                return int(max(local, opens).timestamp() * 1000)
            local = datetime.combine(day + timedelta(days=1), time(0), self.zone)


def plan_handoffs(world: World, intent: Intent, paid_on: dict[int, int]) -> list[Handoff]:
    """`paid_on`: day of the first payment by account."""
    rng = stream(world.parameters.seed, "handoffs")
    steps: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for step in intent.steps:
        steps[world.users[step.user].account][step.event].append(step.at // MS_DAY)
    for inviter, at, _, _ in intent.invites:
        steps[world.users[inviter].account]["teammate_invited"].append(at // MS_DAY)
    zones = [WorkingTime(i) for i in range(len(names.OWNERS))]
    candidates = []
    for account in world.accounts:
        found = _qualified(world, intent, account, steps[account.index])
        is_worked = account.employees > SALES_SIZE or rng.random() < SMALL_SHARE
        owner = owner_of(account, rng)
        if found is None or not is_worked:
            continue
        day, points = found
        midnight = (day + 1) * MS_DAY
        pays = paid_on.get(account.index)
        if midnight < world.parameters.end_ms - MS_DAY and (pays is None or day < pays):
            candidates.append((account, midnight, points, owner))
    paying = [account.index in intent.payers for account, *_ in candidates]
    chances = _response_chances(float(np.mean(paying)) if paying else 0.0)
    made = []
    for (account, midnight, points, owner), pays in zip(candidates, paying, strict=True):
        day = paid_on.get(account.index) if pays else None
        made.append(
            _handoff(account, midnight, points, owner, zones[owner], day, chances[pays], rng)
        )
    return made


def owner_of(account: Account, rng: np.random.Generator) -> int:
    """A rep of the territory."""
    pool = names.OWNERS_OF_REGION[names.REGION_OF_COUNTRY[account.country]]
    return pool[int(rng.integers(len(pool)))]


def _qualified(
    world: World, intent: Intent, account: Account, steps: dict[str, list[int]]
) -> tuple[int, int] | None:
    """(day, points) on which the account became worth a call; None: never."""
    i = account.index
    since, until = intent.burst(i)
    features = {name: bool(values[i]) for name, values in intent.features.items()}
    founder = account.founder
    own = intent.active[founder]
    first = None
    active_days = 0
    for day in range(max(since, intent.first_day), until + 1):
        column = day - intent.first_day
        if column >= own.shape[0]:
            break
        users = [m for m in account.members if intent.active[m, column]]
        active_days += bool(users)
        done = {
            "core_workflow": any(d <= day for d in steps.get("query_run", ())),
            "pricing_page_viewed": any(d <= day for d in steps.get("pricing_page_viewed", ())),
            "support_contacted": any(d <= day for d in steps.get("support_contacted", ())),
            "teammates_invited": sum(d <= day for d in steps.get("teammate_invited", ())) >= 2,
            "active_days": active_days >= 5,
            "several_active_users": day - since >= SHORT_WINDOW // 2,
            "quota_used": bool(own[max(since - intent.first_day, 0) : column + 1].any()),
            "icp_match": True,
        }
        points = 5 + sum(WORTH[name] for name in WORTH if features[name] and done[name])
        if points >= WORTH_A_FAST_CALL:
            return day, points
        if points >= WORTH_A_CALL and first is None:
            first = (day, points)
    return first


def _response_chances(share: float) -> dict[bool, np.ndarray]:
    """Chance of each response by whether the account pays."""
    shares = np.array([share for _, share, _ in RESPONSES])
    rates = np.array([rate for _, _, rate in RESPONSES])
    rates = np.minimum(rates * share / float((shares * rates).sum()), 0.97)
    by = {True: shares * rates, False: shares * (1 - rates)}
    return {pays: chance / chance.sum() if chance.sum() else shares for pays, chance in by.items()}


def _handoff(
    account: Account, midnight: int, points: int, owner: int, zone: WorkingTime, pays: int | None,
    chances: np.ndarray, rng: np.random.Generator,
) -> Handoff:  # fmt: skip
    draws = rng.random(12)
    synced = midnight + int((10 + draws[0] * 470) * MS_MINUTE)
    opens = zone.next(synced)
    response = int(np.searchsorted(np.cumsum(chances)[:-1], draws[1], side="right"))
    wait = ((5, 50), (75, 360), (26 * 60, 58 * 60))[response]
    touched: int | None = opens + int((wait[0] + draws[2] * (wait[1] - wait[0])) * MS_MINUTE)
    touched = zone.next(touched)
    handoff = Handoff(
        account, "hot" if points >= WORTH_A_FAST_CALL else "warm", midnight, owner, synced,
        RESPONSES[response][0], touched, None, [(synced, "Pending", None)],
    )  # fmt: skip
    paid = pays * MS_DAY + 21 * MS_HOUR if pays is not None else None
    if draws[3] < AUTO_RESPONSE:
        handoff.answered_by_robot = synced + 30_000
    if draws[4] < NEVER_TOUCHED or (paid is not None and touched > paid - 22 * MS_HOUR):
        handoff.touched = handoff.response = None
        if paid is not None:  # paid by itself before anybody called
            handoff.has_paid = True
            handoff.statuses.append((paid, "Won", None))
        return handoff
    engaged = touched + int(draws[5] * 30 * MS_MINUTE)
    later = engaged + int((4 + 20 * draws[6]) * MS_DAY)
    if paid is None and draws[7] < REJECTED / (1 - 0.2):
        reason = str(rng.choice(REASONS, p=REASON_SHARES))
        handoff.statuses.append((engaged, "Rejected", reason))
        if draws[8] < ILLEGAL * 4:
            handoff.statuses.append((later, "Engaged", None))
        return handoff
    if paid is not None and draws[8] < ILLEGAL:  # nobody wrote down that they worked on it
        handoff.statuses.append((paid, "Won", None))
    else:
        handoff.statuses.append((engaged, "Engaged", None))
        if draws[9] < ON_HOLD:
            hold = engaged + 2 * MS_HOUR
            handoff.statuses.append((hold, "On Hold", None))
            handoff.statuses.append((hold + int((1 + 2 * draws[10]) * MS_DAY), "Engaged", None))
        if paid is not None:
            handoff.statuses.append((max(paid, handoff.statuses[-1][0] + MS_HOUR), "Won", None))
        elif draws[11] < 0.8:
            handoff.statuses.append((later, "Lost", None))
    handoff.has_paid = paid is not None
    return handoff


def truth_rows(world: World, handoffs: list[Handoff]) -> list[dict[str, Any]]:
    """For ``handoffs.parquet``: what truly happened, as far as it happened before as_of."""
    end = world.parameters.end_ms
    return [
        {
            "account_id": handoff.account.account_id,
            "tier": handoff.tier,
            "qualified_at": handoff.qualified,
            "synced_at": handoff.synced,
            "owner_email": names.owner_email(handoff.owner),
            "response": handoff.response,
            "first_human_touch_at": _before(handoff.touched, end),
            "auto_response_at": _before(handoff.answered_by_robot, end),
            "status": [word for at, word, _ in handoff.statuses if at < end][-1].lower()
            if handoff.synced < end
            else None,
            "has_paid": handoff.has_paid,
        }
        for handoff in handoffs
    ]


def _before(moment: int | None, end: int) -> int | None:
    return moment if moment is not None and moment < end else None
