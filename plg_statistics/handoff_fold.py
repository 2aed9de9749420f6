"""Hand-offs as a fold over time: who qualifies is handed to whom, and what became of it.

A pure function: rules and what happened in, rows out. What depends on what came before it - whose
turn it is, who has room, whether a hand-off is open or cooling down - is what SQL does badly.

**At each moment** things are taken in this order: outcomes (opportunities, payments), what the CRM
reports, touches, expiries, SLA steps, qualifications, and last the one place where owners are
chosen. Within each by model and account. So neither the order of the input nor the number of runs
matters: ``fold`` over all days at once is ``fold`` a day at a time.

**What was decided stands.** `Decided` is what earlier runs decided: qualifications and
owners up to a moment. Up to there nothing is decided anew, whatever rules, scores or CRM records
have become since; what arrives late counts from then on. Without it history is worked out from
the input alone, by today's rules.

**Order of routing** (spec 05 section 3): an open hand-off of the model; cooling down; an open
opportunity, whose owner gets the evidence; suppression; else the named owner, else the team of
the territory, in turn (who was chosen longest ago), skipping who is away or full. Nobody free: it
waits, the most urgent tier first, then the oldest.
"""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from plg_statistics.working_time import OpenSpan, WorkingTime

OPEN = ("pending", "engaged")
(_OUTCOME, _REPORT, _TOUCH, _EXPIRY, _SLA, _QUALIFIES, _ASSIGNS) = range(7)
ASSIGNMENTS = ("assigned", "reassigned", "not_reassigned")
Row = dict[str, Any]
_Line = tuple[str, str | None]
"""Team, and the named owner where there is one."""
_ALWAYS: OpenSpan = (datetime.min, None)


# ---------------------------------------------------------------------------------- rules


@dataclass(frozen=True)
class TierRule:
    """What a tier of a live model asks for. Tiers without one are not handed off."""

    sla: timedelta  # of working time, from qualification to the first human touch
    expires_after: timedelta  # without any touch
    quiet_after: timedelta  # since the last touch
    cool_down: timedelta  # after it was closed


@dataclass(frozen=True)
class Step:
    """At ``share`` of the SLA without a touch: ``warn_owner``, ``tell_manager``, ``reassign``."""

    step: str
    share: float
    action: str


@dataclass(frozen=True)
class Member:
    """A person of Sales. ``teams``: whose turns they take, with their place in the first round."""

    owner_id: str
    capacity: int
    working: WorkingTime
    email: str | None = None
    manager_email: str | None = None
    teams: Mapping[str, int] = field(default_factory=dict)
    here: Sequence[OpenSpan] = (_ALWAYS,)
    away: Sequence[OpenSpan] = ()
    team_spans: Mapping[str, OpenSpan] = field(default_factory=dict)  # none: always

    def is_here(self, at: datetime) -> bool:
        return _within(self.here, at) and not _within(self.away, at)

    def is_in(self, team: str, at: datetime) -> bool:
        return team in self.teams and _within([self.team_spans.get(team, _ALWAYS)], at)


@dataclass(frozen=True)
class Team:
    """``working`` is the clock of what waits for an owner."""

    team: str
    working: WorkingTime
    manager_email: str | None = None


@dataclass(frozen=True)
class Rules:
    tiers: Mapping[tuple[str, str], TierRule]
    teams: Mapping[str, Team]
    members: Mapping[str, Member]
    default_working: WorkingTime
    steps: Mapping[str, Sequence[Step]]  # by tier
    moves: frozenset[tuple[str, str]]  # legal (from, to)
    reasons: Sequence[str]  # of suppression, the leading first
    pauses: Sequence[tuple[str | None, str | None, datetime, datetime | None]] = ()
    """(team or None, owner or None, from, to): None is everybody's."""


# ---------------------------------------------------------------------------------- input


class Crossing(NamedTuple):
    """An account came into a tier of a model."""

    at: datetime
    model_key: str
    account_id: str
    tier: str


class Zone(NamedTuple):
    """From ``at`` on the rule is met; of several the lowest ``rank`` holds."""

    at: datetime
    rank: int
    zone: str
    is_routed: bool
    reason: str


class Suppression(NamedTuple):
    at: datetime
    until: datetime | None
    reason: str
    detail: str | None


class Opportunity(NamedTuple):
    opportunity_id: str
    owner_id: str | None
    created_at: datetime
    closed_at: datetime | None
    is_won: bool


class Touch(NamedTuple):
    at: datetime
    touch_id: str
    owner_id: str | None


class Report(NamedTuple):
    """What the CRM says of a hand-off; ``on_hold`` stops its clock until the next report."""

    at: datetime
    record_id: str
    model_key: str | None
    handoff_id: str | None
    status: str
    reason: str | None


class Delivery(NamedTuple):
    """A CRM had the record of a model and account (or of one hand-off), by its own word."""

    at: datetime
    model_key: str | None
    handoff_id: str | None


@dataclass
class Account:
    """What is known of an account, each thing with the moment it is known from."""

    zones: list[Zone] = field(default_factory=list)
    suppressions: list[Suppression] = field(default_factory=list)
    opportunities: list[Opportunity] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    payments: list[datetime] = field(default_factory=list)
    named_owner_id: str | None = None
    routes: dict[str, tuple[str, str]] = field(default_factory=dict)  # tier: territory, team


@dataclass(frozen=True)
class Decided:
    """Rows of an earlier run (`fold`'s decisions and assignments) and how far it came."""

    until: datetime
    decisions: Sequence[Row]
    assignments: Sequence[Row]


@dataclass
class Outcome:
    decisions: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    alerts: list[Row] = field(default_factory=list)
    handoffs: list[Row] = field(default_factory=list)

    @property
    def assignments(self) -> list[Row]:
        return [row for row in self.events if row["event"] in ASSIGNMENTS]

    def decided(self, until: datetime) -> Decided:
        """What the next run must be told."""
        return Decided(until, self.decisions, self.assignments)


def handoff_id_of(model_key: str, account_id: str, qualified_at: datetime) -> str:
    """128 bits of SHA-256 over the three, which cannot run into each other."""
    parts = (model_key, account_id, qualified_at.isoformat(timespec="microseconds"))
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return "hof_" + hashlib.sha256(text.encode()).hexdigest()[:32]


# ------------------------------------------------------------------------------------ fold


def fold(
    rules: Rules,
    crossings: Iterable[Crossing],
    accounts: Mapping[str, Account],
    now: datetime,
    decided: Decided | None = None,
    acknowledged: Mapping[str, datetime] | None = None,
) -> Outcome:
    """All that happened up to ``now`` (included), in the order of time.

    ``acknowledged``: when a CRM first answered our sync that it has a hand-off, by its id.
    """
    return _Fold(rules, accounts, now, decided, acknowledged or {}).run(crossings)


@dataclass
class _Handoff:
    handoff_id: str
    model_key: str
    account_id: str
    qualified_at: datetime
    first_tier: str
    tier: str
    zone: str | None
    zone_reason: str | None
    territory: str | None
    team: str | None
    preferred_owner_id: str | None
    rule: TierRule
    clock_started_at: datetime
    status: str = "pending"
    reason: str | None = None
    owner_id: str | None = None
    first_owner_id: str | None = None
    routed_at: datetime | None = None
    engaged_at: datetime | None = None
    first_touch_at: datetime | None = None
    first_touch_source: str | None = None
    first_touch_owner_id: str | None = None
    last_touch_at: datetime | None = None
    closed_at: datetime | None = None
    raised_at: datetime | None = None
    due_at: datetime | None = None
    kept_due_at: datetime | None = None  # of the tier it was raised from
    count_reassigned: int = 0
    count_illegal: int = 0
    had_owners: set[str] = field(default_factory=set)
    pauses: list[OpenSpan] = field(default_factory=list)
    told: set[tuple[str, str]] = field(default_factory=set)
    clock_version: int = 0

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def line(self) -> _Line:
        return (self.team or "", self.preferred_owner_id)

    @property
    def place(self) -> tuple[timedelta, datetime, str]:
        return (self.rule.sla, self.qualified_at, self.handoff_id)


class _Fold:
    def __init__(
        self,
        rules: Rules,
        accounts: Mapping[str, Account],
        now: datetime,
        decided: Decided | None,
        acknowledged: Mapping[str, datetime],
    ) -> None:
        self.rules, self.accounts, self.now = rules, accounts, now
        self.until = decided.until if decided else datetime.min
        self.decided = decided
        self.acknowledged = acknowledged
        # of what CRMs had before our ledger begins only they can tell
        self.ledger_since = min(self.acknowledged.values(), default=datetime.max)
        self.out = Outcome()
        self.heap: list[tuple[Any, ...]] = []
        self.pushed = 0
        self.tier_now: dict[tuple[str, str], tuple[str, datetime]] = {}
        self.open: dict[tuple[str, str], _Handoff] = {}
        self.last: dict[tuple[str, str], _Handoff] = {}
        self.all: dict[str, _Handoff] = {}
        self.cools_until: dict[tuple[str, str], datetime] = {}
        self.decided_at: dict[tuple[str, str], datetime] = {}
        # while a day lasts, its score's crossing moves along with the clock
        self.decided_for: dict[tuple[str, str], tuple[date, str]] = {}
        self.load: dict[str, int] = defaultdict(int)
        self.turn: dict[tuple[str, str], int] = {}
        self.turns = 0
        # those without an owner, in the order they are served, by whom they can go to
        self.waiting: dict[_Line, list[tuple[Any, ...]]] = defaultdict(list)
        self.stuck: dict[_Line, tuple[datetime, str]] = {}  # when last, and why
        self.open_of: dict[str, dict[str, _Handoff]] = defaultdict(dict)  # account: model
        self.wants_another: dict[str, _Handoff] = {}
        self.will_assign: datetime | None = None
        self.of_team: dict[str, list[Member]] = defaultdict(list)
        for member in rules.members.values():
            for team in member.teams:
                self.of_team[team].append(member)

    def run(self, crossings: Iterable[Crossing]) -> Outcome:
        for crossing in crossings:
            key = (crossing.model_key, crossing.account_id)
            self._push(crossing.at, _QUALIFIES, (*key, 0), self._crosses, crossing)
        for account_id, account in self.accounts.items():
            self._take_account(account_id, account)
        if self.decided is not None:
            self._take_decided(self.decided)
        for member in self.rules.members.values():
            for first, last in [*member.here, *member.away, *member.team_spans.values()]:
                for at in (first, last):
                    if at is not None and at > datetime.min:
                        self._push(at, _ASSIGNS, ("", ""), self._assign_all)
        while self.heap:
            at, _, _, _, action, arguments = heapq.heappop(self.heap)
            action(at, *arguments)
        self.out.handoffs = [
            self._final(handoff)
            for handoff in sorted(self.all.values(), key=lambda h: (h.qualified_at, h.handoff_id))
        ]
        return self.out

    def _push(
        self, at: datetime, rank: int, key: tuple[Any, ...], action: Any, *arguments: Any
    ) -> None:
        if at <= self.now:
            self.pushed += 1
            heapq.heappush(self.heap, (at, rank, key, self.pushed, action, arguments))

    # input -----------------------------------------------------------------------------------

    def _take_account(self, account_id: str, account: Account) -> None:
        for opportunity in account.opportunities:
            key = (account_id, opportunity.opportunity_id)
            if opportunity.created_at is not None:
                self._push(
                    opportunity.created_at, _OUTCOME, (*key, 0),
                    self._opportunity_opens, account_id, opportunity,
                )  # fmt: skip
            if opportunity.closed_at is not None:
                self._push(
                    opportunity.closed_at, _OUTCOME, (*key, 1),
                    self._opportunity_closes, account_id, opportunity,
                )  # fmt: skip
        for paid_at in account.payments:
            self._push(paid_at, _OUTCOME, (account_id, "~", 2), self._pays, account_id)
        for report in account.reports:
            key = (account_id, report.record_id, report.status)
            self._push(report.at, _REPORT, key, self._is_reported, account_id, report)
        for touch in account.touches:
            key = (account_id, touch.touch_id)
            self._push(touch.at, _TOUCH, key, self._is_touched, account_id, touch)

    def _take_decided(self, decided: Decided) -> None:
        for row in decided.decisions:
            if row["account_id"] in self.accounts and row["qualified_at"] <= self.now:
                key = (row["model_key"], row["account_id"], 2)
                self._push(row["qualified_at"], _QUALIFIES, key, self._was_decided, row)
        for row in decided.assignments:
            if row["at"] <= self.now:
                self._push(row["at"], _ASSIGNS, ("", "", row["seq"]), self._was_assigned, row)
        # who is in a tier, and was never asked about: a model that became live, late data
        after = decided.until + timedelta(microseconds=1)
        self._push(after, _QUALIFIES, ("", "", 3), self._look_around)

    def _look_around(self, at: datetime) -> None:
        for key, (_, since) in sorted(self.tier_now.items()):
            asked_at = self.decided_at.get(key)
            if since < at and (asked_at is None or asked_at < since):
                self._decide(at, *key)
        self._will_assign(at)

    # qualification ---------------------------------------------------------------------------

    def _crosses(self, at: datetime, crossing: Crossing) -> None:
        key = (crossing.model_key, crossing.account_id)
        before = self.tier_now.get(key)
        rule = self.rules.tiers.get((crossing.model_key, crossing.tier))
        if rule is None:
            self.tier_now.pop(key, None)
            return
        if before is not None and self.rules.tiers[crossing.model_key, before[0]].sla <= rule.sla:
            self.tier_now[key] = (crossing.tier, before[1])
            return  # it came down from a more urgent tier: no news
        if self.decided_for.get(key) == (at.date(), crossing.tier):
            self.tier_now[key] = (crossing.tier, self.decided_at[key])
        else:
            self.tier_now[key] = (crossing.tier, at)
            self._decide(at, *key)

    def _look_again(self, at: datetime, model_key: str, account_id: str) -> None:
        if (model_key, account_id) in self.tier_now:
            self._decide(at, model_key, account_id)

    def _decide(self, at: datetime, model_key: str, account_id: str) -> None:
        key = (model_key, account_id)
        if at <= self.until or self.decided_at.get(key) == at:
            return
        account = self.accounts.get(account_id) or Account()
        tier, _ = self.tier_now[key]
        zone = self._zone(account, at)
        territory, team = account.routes.get(tier, (None, None))
        row: Row = {
            "model_key": model_key,
            "account_id": account_id,
            "qualified_at": at,
            "tier": tier,
            "zone": zone.zone if zone else None,
            "zone_reason": zone.reason if zone else None,
            "territory": territory,
            "team": team,
            "reasons": None,
            "detail": None,
            "opportunity_id": None,
            "evidence_owner_id": None,
            "preferred_owner_id": None,
            "handoff_id": None,
        }
        opportunity = self._open_opportunity(account, at)
        blocks = self._blocks(account, zone, at)
        running = self.open.get(key)
        if running is not None:
            row |= {"decision": "already_open", "handoff_id": running.handoff_id}
        elif self.cools_until.get(key, datetime.min) > at:
            row |= {"decision": "cooling_down"}
        elif opportunity is not None:
            row |= {
                "decision": "open_opportunity",
                "opportunity_id": opportunity.opportunity_id,
                "evidence_owner_id": opportunity.owner_id,
            }
        elif blocks:
            row |= {"decision": "suppressed", "detail": blocks[0].detail}
        else:
            row |= {
                "decision": "routed",
                "handoff_id": handoff_id_of(model_key, account_id, at),
                "preferred_owner_id": self._named_owner(account, at),
            }
        row["reason"] = blocks[0].reason if row["decision"] == "suppressed" else row["decision"]
        if blocks:
            row["reasons"] = ", ".join(block.reason for block in blocks)
        self._was_decided(at, row)
        self._will_assign(at)

    def _was_decided(self, at: datetime, row: Row) -> None:
        model_key, account_id, tier = row["model_key"], row["account_id"], row["tier"]
        key = (model_key, account_id)
        account = self.accounts.get(account_id) or Account()
        self.decided_at[key] = at
        self.decided_for[key] = (at.date(), tier)
        self.out.decisions.append(row)
        decision = row["decision"]
        if decision == "routed":
            self._begin(at, row)
        elif decision == "already_open" and key in self.open:
            self._raise(at, self.open[key], tier)
        elif decision == "cooling_down":
            self._look_again_at(self.cools_until.get(key), *key)
        elif decision == "open_opportunity":
            for opportunity in account.opportunities:
                if opportunity.opportunity_id == row["opportunity_id"]:
                    self._look_again_at(opportunity.closed_at, *key)
        elif decision == "suppressed":
            ends = [block.until for block in self._blocks(account, self._zone(account, at), at)]
            if ends and None not in ends:
                self._look_again_at(max(ends), *key)

    def _look_again_at(self, at: datetime | None, model_key: str, account_id: str) -> None:
        if at is not None:
            key = (model_key, account_id, 1)
            self._push(at, _QUALIFIES, key, self._look_again, model_key, account_id)

    def _zone(self, account: Account, at: datetime) -> Zone | None:
        return min((z for z in account.zones if z.at <= at), key=lambda z: z.rank, default=None)

    def _open_opportunity(self, account: Account, at: datetime) -> Opportunity | None:
        """Of several the newest."""
        found = [
            o for o in account.opportunities
            if o.created_at <= at and (o.closed_at is None or o.closed_at > at)
        ]  # fmt: skip
        return max(found, key=lambda o: (o.created_at, o.opportunity_id), default=None)

    def _blocks(self, account: Account, zone: Zone | None, at: datetime) -> list[Suppression]:
        """What speaks against it at a moment: once a reason, the leading first."""
        found: dict[str, Suppression] = {}
        for block in account.suppressions:
            if block.at <= at and (block.until is None or block.until > at):
                other = found.get(block.reason)
                if other is None or _ends(block) > _ends(other):
                    found[block.reason] = block
        if zone is not None and not zone.is_routed:
            changes = [z.at for z in account.zones if z.at > at and z.rank < zone.rank]
            until = min(changes, default=None)
            found["self_serve_zone"] = Suppression(at, until, "self_serve_zone", zone.reason)
        order = {reason: place for place, reason in enumerate(self.rules.reasons)}
        return sorted(
            (b for b in found.values() if b.reason in order), key=lambda b: order[b.reason]
        )

    def _named_owner(self, account: Account, at: datetime) -> str | None:
        member = self.rules.members.get(account.named_owner_id or "")
        return member.owner_id if member is not None and member.is_here(at) else None

    # hand-offs -------------------------------------------------------------------------------

    def _begin(self, at: datetime, row: Row) -> None:
        key = (row["model_key"], row["account_id"])
        rule = self.rules.tiers.get((row["model_key"], row["tier"]))
        if rule is None:  # decided before, and the tier is not handed off any more
            rule = TierRule(timedelta(0), timedelta(0), timedelta(0), timedelta(0))
        if key in self.open:  # only where history was told anew: the later decision stands
            self._close(at, self.open[key], "expired", "superseded", "rule")
        handoff = _Handoff(
            handoff_id=row["handoff_id"],
            model_key=row["model_key"],
            account_id=row["account_id"],
            qualified_at=at,
            first_tier=row["tier"],
            tier=row["tier"],
            zone=row["zone"],
            zone_reason=row["zone_reason"],
            territory=row["territory"],
            team=row["team"],
            preferred_owner_id=row["preferred_owner_id"],
            rule=rule,
            clock_started_at=at,
        )
        self.open[key] = self.last[key] = self.all[handoff.handoff_id] = handoff
        self.open_of[handoff.account_id][handoff.model_key] = handoff
        self._wait(handoff)
        self._event(at, handoff, "created", to_status="pending", source="rule")
        self._watch_expiry(handoff)
        self._restart_clock(at, handoff)

    def _raise(self, at: datetime, handoff: _Handoff, tier: str) -> None:
        rule = self.rules.tiers.get((handoff.model_key, tier))
        if rule is None or rule.sla >= handoff.rule.sla:
            return
        handoff.tier, handoff.rule, handoff.raised_at = tier, rule, at
        if handoff.owner_id is None:
            self._wait(handoff)
        self._event(at, handoff, "tier_raised", reason=tier, source="rule")
        if handoff.first_touch_at is None:
            handoff.kept_due_at, handoff.clock_started_at = handoff.due_at, at
            self._restart_clock(at, handoff)

    def _will_assign(self, at: datetime) -> None:
        if self.will_assign != at:
            self.will_assign = at
            self._push(at, _ASSIGNS, ("", ""), self._assign_all)

    def _assign_all(self, at: datetime) -> None:
        self.will_assign = None
        if at <= self.until:
            self.wants_another.clear()
            return
        self._serve(at)
        for handoff in sorted(self.wants_another.values(), key=lambda h: h.handoff_id):
            member, _ = self._choose(at, handoff)
            if member is not None:
                self._assign(at, handoff, member, "reassigned", "in_turn")
            else:
                self._event(at, handoff, "not_reassigned", reason="nobody_free", source="rule")
        self.wants_another.clear()

    def _wait(self, handoff: _Handoff) -> None:
        heapq.heappush(self.waiting[handoff.line], (*handoff.place, handoff))

    def _serve(self, at: datetime) -> None:
        """Owners for what waits: over all lines the most urgent first, then the oldest. A line
        for which nobody is free is left alone: choosing others only makes fewer free."""
        heads = [(line[0][:-1], name) for name in sorted(self.waiting, key=str)
                 if (line := self._line(name))]  # fmt: skip
        heapq.heapify(heads)
        while heads:
            _, name = heapq.heappop(heads)
            line = self._line(name)
            handoff: _Handoff = line[0][-1]
            member, reason = self._choose(at, handoff)
            if member is None:
                self.stuck[name] = (at, reason)
                continue
            stuck_at, why = self.stuck.get(name, (datetime.min, ""))
            is_named = member.owner_id == handoff.preferred_owner_id
            had_to_wait = stuck_at >= handoff.qualified_at
            reason = "named_account" if is_named else why if had_to_wait else "in_turn"
            heapq.heappop(line)
            self._assign(at, handoff, member, "assigned", reason)
            if line := self._line(name):
                heapq.heappush(heads, (line[0][:-1], name))

    def _line(self, name: _Line) -> list[tuple[Any, ...]]:
        """Who waits there, without those at its head who wait no more, or elsewhere in it."""
        line = self.waiting[name]
        while line:
            handoff: _Handoff = line[0][-1]
            if handoff.is_open and handoff.owner_id is None and line[0][:-1] == handoff.place:
                break
            heapq.heappop(line)
        return line

    def _choose(self, at: datetime, handoff: _Handoff) -> tuple[Member | None, str]:
        """Whose turn it is: of those who are here and have room, who was chosen longest ago.
        Where there is nobody: why."""
        if handoff.preferred_owner_id and handoff.owner_id is None:
            named = self.rules.members.get(handoff.preferred_owner_id)
            if named is not None and named.is_here(at):
                is_free = self.load[named.owner_id] < named.capacity
                return (named, "") if is_free else (None, "named_owner_full")
        team = handoff.team or ""
        members = [
            m
            for m in self.of_team[team]
            if m.is_in(team, at) and m.owner_id not in handoff.had_owners
        ]
        here = [m for m in members if m.is_here(at)]
        free = [m for m in here if self.load[m.owner_id] < m.capacity]
        if not free:
            why = "nobody_in_team" if not members else "team_away" if not here else "team_full"
            return None, why
        chosen = min(
            free,
            key=lambda m: (self.turn.get((team, m.owner_id), 0), m.teams[team], m.owner_id),
        )
        return chosen, ""

    def _was_assigned(self, at: datetime, row: Row) -> None:
        handoff = self.all.get(row["handoff_id"])
        if handoff is None or not handoff.is_open:
            return
        if row["event"] == "not_reassigned":
            self._event(at, handoff, row["event"], reason=row["reason"], source="rule")
            return
        if handoff.owner_id == row["owner_id"]:
            return
        member = self.rules.members.get(row["owner_id"]) or Member(
            row["owner_id"], 0, self.rules.default_working, here=()
        )
        self._assign(at, handoff, member, row["event"], row["reason"], row["capacity"])

    def _assign(
        self,
        at: datetime,
        handoff: _Handoff,
        member: Member,
        event: str,
        reason: str,
        capacity: int | None = None,
    ) -> None:
        if handoff.owner_id is not None:
            self.load[handoff.owner_id] -= 1
            handoff.count_reassigned += 1
            self._will_assign(at)
        self.load[member.owner_id] += 1
        if handoff.team in member.teams:
            self.turns += 1
            self.turn[handoff.team or "", member.owner_id] = self.turns
        handoff.owner_id = member.owner_id
        handoff.first_owner_id = handoff.first_owner_id or member.owner_id
        handoff.had_owners.add(member.owner_id)
        handoff.routed_at = at
        open_after = self.load[member.owner_id]
        capacity = member.capacity if capacity is None else capacity
        self._event(
            at, handoff, event,
            reason=reason,
            source="rule",
            open_after=open_after,
            capacity=capacity,
            # what was decided stands, though by what is known now there was no room
            flag="history_restated" if open_after > capacity else None,
        )  # fmt: skip
        if handoff.due_at is None or event == "assigned":
            self._restart_clock(at, handoff)

    def _close(
        self, at: datetime, handoff: _Handoff, status: str, reason: str | None, source: str
    ) -> None:
        before, handoff.status = handoff.status, status
        handoff.reason, handoff.closed_at = reason, at
        self._event(at, handoff, "moved", before, status, reason=reason, source=source)
        key = (handoff.model_key, handoff.account_id)
        self.open.pop(key, None)
        self.open_of[handoff.account_id].pop(handoff.model_key, None)
        self.wants_another.pop(handoff.handoff_id, None)
        if handoff.owner_id is not None:
            self.load[handoff.owner_id] -= 1
        self.cools_until[key] = at + handoff.rule.cool_down
        if status != "won":  # else only when it comes into a tier again
            self._look_again_at(self.cools_until[key], *key)
        self._will_assign(at)

    def _engage(
        self, at: datetime, handoff: _Handoff, source: str, owner_id: str | None = None
    ) -> None:
        handoff.status, handoff.engaged_at = "engaged", at
        handoff.last_touch_at = at
        handoff.first_touch_at, handoff.first_touch_source = at, source
        handoff.first_touch_owner_id = owner_id or handoff.owner_id
        self._event(at, handoff, "moved", "pending", "engaged", source=source)
        self._watch_expiry(handoff)

    # what happens ----------------------------------------------------------------------------

    def _of_account(self, account_id: str) -> list[_Handoff]:
        return [handoff for _, handoff in sorted(self.open_of[account_id].items())]

    def _is_touched(self, at: datetime, account_id: str, touch: Touch) -> None:
        for handoff in self._of_account(account_id):
            if handoff.status == "pending":
                self._engage(at, handoff, "task", touch.owner_id)
            else:
                handoff.last_touch_at = at
                self._watch_expiry(handoff)

    def _opportunity_opens(self, at: datetime, account_id: str, opportunity: Opportunity) -> None:
        for handoff in self._of_account(account_id):
            if handoff.status == "pending":
                self._engage(at, handoff, "opportunity", opportunity.owner_id)

    def _opportunity_closes(self, at: datetime, account_id: str, opportunity: Opportunity) -> None:
        for handoff in self._of_account(account_id):
            if handoff.status != "engaged":
                continue
            if opportunity.is_won:
                self._close(at, handoff, "won", "opportunity_won", "opportunity")
            elif opportunity.created_at >= handoff.qualified_at:
                self._close(at, handoff, "lost", "opportunity_lost", "opportunity")

    def _pays(self, at: datetime, account_id: str) -> None:
        for handoff in self._of_account(account_id):
            if handoff.status == "engaged":
                self._close(at, handoff, "won", "first_payment", "billing")
            else:
                self._close(at, handoff, "expired", "paid_without_sales", "billing")

    def _is_reported(self, at: datetime, account_id: str, report: Report) -> None:
        for handoff in self._meant(account_id, report):
            self._apply(at, handoff, report)

    def _meant(self, account_id: str, report: Report) -> list[_Handoff]:
        if report.handoff_id is not None:
            found = [self.all.get(report.handoff_id)]
        elif report.model_key is not None:
            found = [self.last.get((report.model_key, account_id))]
        else:
            found = list(self._of_account(account_id)) or [
                max(
                    (h for (_, a), h in self.last.items() if a == account_id),
                    key=lambda h: (h.qualified_at, h.handoff_id),
                    default=None,
                )
            ]
        meant = [handoff for handoff in found if handoff is not None]
        if not meant:
            self._event(
                report.at, None, "reported", None, report.status, reason=report.reason,
                source="crm", is_applied=False, flag="no_such_handoff",
                account_id=account_id, model_key=report.model_key,
            )  # fmt: skip
        return meant

    def _apply(self, at: datetime, handoff: _Handoff, report: Report) -> None:
        status = report.status
        if handoff.is_open:
            self._pause(at, handoff, begins=status == "on_hold")
        if status in (handoff.status, "on_hold"):
            return
        if (handoff.status, status) not in self.rules.moves:
            handoff.count_illegal += 1
            self._event(
                at, handoff, "reported", handoff.status, status, reason=report.reason,
                source="crm", is_applied=False, flag="illegal_move",
            )  # fmt: skip
        elif status == "engaged":
            self._engage(at, handoff, "crm_status")
        elif status in OPEN:
            before, handoff.status = handoff.status, status
            self._event(at, handoff, "moved", before, status, source="crm")
        else:
            if handoff.first_touch_at is None:  # somebody looked at it and answered
                handoff.first_touch_at, handoff.first_touch_source = at, "crm_status"
                handoff.first_touch_owner_id = handoff.owner_id
            reason = report.reason or ("unspecified" if status == "rejected" else None)
            self._close(at, handoff, status, reason, "crm")

    def _pause(self, at: datetime, handoff: _Handoff, begins: bool) -> None:
        is_paused = bool(handoff.pauses) and handoff.pauses[-1][1] is None
        if begins == is_paused:
            return
        if begins:
            handoff.pauses.append((at, None))
        else:
            handoff.pauses[-1] = (handoff.pauses[-1][0], at)
        self._event(at, handoff, "paused" if begins else "resumed", source="crm")
        self._restart_clock(at, handoff)

    # time ------------------------------------------------------------------------------------

    def _watch_expiry(self, handoff: _Handoff) -> None:
        at = self._expires_at(handoff)
        self._push(at, _EXPIRY, (handoff.handoff_id,), self._may_expire, handoff)

    def _expires_at(self, handoff: _Handoff) -> datetime:
        if handoff.last_touch_at is None:
            return handoff.qualified_at + handoff.rule.expires_after
        return handoff.last_touch_at + handoff.rule.quiet_after

    def _may_expire(self, at: datetime, handoff: _Handoff) -> None:
        if handoff.is_open and self._expires_at(handoff) <= at:
            reason = "no_touch" if handoff.last_touch_at is None else "went_quiet"
            self._close(at, handoff, "expired", reason, "rule")

    def _working(self, handoff: _Handoff) -> WorkingTime:
        member = self.rules.members.get(handoff.owner_id or "")
        if member is not None:
            return member.working
        team = self.rules.teams.get(handoff.team or "")
        return team.working if team is not None else self.rules.default_working

    def _pauses(self, handoff: _Handoff) -> list[OpenSpan]:
        return handoff.pauses + [
            (first, last)
            for team, owner_id, first, last in self.rules.pauses
            if team in (None, handoff.team) and owner_id in (None, handoff.owner_id)
        ]

    def _restart_clock(self, at: datetime, handoff: _Handoff) -> None:
        if handoff.first_touch_at is not None:
            return
        handoff.clock_version += 1
        working, pauses = self._working(handoff), self._pauses(handoff)
        begins, sla = handoff.clock_started_at, handoff.rule.sla
        due_at = working.due(begins, sla, pauses)
        if handoff.kept_due_at is not None and due_at is not None:
            due_at = min(due_at, handoff.kept_due_at)
        handoff.due_at = due_at
        for step in self.rules.steps.get(handoff.tier, ()):
            step_at = working.due(begins, sla * step.share, pauses)
            if step_at is not None and (handoff.tier, step.step) not in handoff.told:
                key = (handoff.handoff_id, step.share, step.step)
                self._push(
                    max(step_at, at), _SLA, key, self._step, handoff, step, handoff.clock_version
                )

    def _step(self, at: datetime, handoff: _Handoff, step: Step, version: int) -> None:
        is_news = version == handoff.clock_version and (handoff.tier, step.step) not in handoff.told
        if not is_news or handoff.status != "pending" or handoff.first_touch_at is not None:
            return
        working = self._working(handoff)
        if step.action == "reassign":
            if handoff.owner_id is None:
                return
            # nobody loses it before having had it for as long as the SLA gives
            earliest = working.due(handoff.routed_at, handoff.rule.sla, self._pauses(handoff))
            if earliest is None or earliest > at:
                if earliest is not None:
                    key = (handoff.handoff_id, step.share, step.step)
                    self._push(earliest, _SLA, key, self._step, handoff, step, version)
                return
        handoff.told.add((handoff.tier, step.step))
        member = self.rules.members.get(handoff.owner_id or "")
        team = self.rules.teams.get(handoff.team or "")
        manager = (member.manager_email if member else None) or (
            team.manager_email if team else None
        )
        owner_email = member.email if member else None
        self.out.alerts.append({
            "handoff_id": handoff.handoff_id,
            "model_key": handoff.model_key,
            "account_id": handoff.account_id,
            "at": at,
            "step": step.step,
            "action": step.action,
            "share": step.share,
            "tier": handoff.tier,
            "team": handoff.team,
            "owner_id": handoff.owner_id,
            "recipient_email": (owner_email if step.action == "warn_owner" else None) or manager,
            "due_at": handoff.due_at,
        })  # fmt: skip
        if step.action == "reassign":
            self.wants_another[handoff.handoff_id] = handoff
            self._will_assign(at)

    # rows ------------------------------------------------------------------------------------

    def _event(
        self,
        at: datetime,
        handoff: _Handoff | None,
        event: str,
        from_status: str | None = None,
        to_status: str | None = None,
        **more: Any,
    ) -> None:
        row: Row = {
            "seq": len(self.out.events) + 1,
            "at": at,
            "event": event,
            "handoff_id": handoff.handoff_id if handoff else None,
            "model_key": handoff.model_key if handoff else None,
            "account_id": handoff.account_id if handoff else None,
            "owner_id": handoff.owner_id if handoff else None,
            "from_status": from_status,
            "to_status": to_status,
            "reason": None,
            "source": None,
            "is_applied": True,
            "flag": None,
            "open_after": None,
            "capacity": None,
        }
        self.out.events.append(row | more)

    def _final(self, h: _Handoff) -> Row:
        working, pauses = self._working(h), self._pauses(h)
        ends = h.closed_at or self.now
        synced_at, synced_source = self._synced(h)
        assigned_at = h.routed_at
        if assigned_at is not None and synced_at is not None:
            assigned_at = max(assigned_at, synced_at)
        workable_at = self._workable_at(h, working, pauses, assigned_at)
        sla_minutes = int(h.rule.sla.total_seconds() // 60)

        def between(first: datetime | None, last: datetime | None, prefix: str) -> Row:
            if first is None or last is None:
                return {f"{prefix}_minutes": None, f"{prefix}_wall_minutes": None}
            worked, wall = working.elapsed(first, last, pauses), max(last - first, timedelta(0))
            return {
                f"{prefix}_minutes": worked // timedelta(minutes=1),
                f"{prefix}_wall_minutes": wall // timedelta(minutes=1),
            }

        return {
            "handoff_id": h.handoff_id,
            "model_key": h.model_key,
            "account_id": h.account_id,
            "first_tier": h.first_tier,
            "tier": h.tier,
            "zone": h.zone,
            "zone_reason": h.zone_reason,
            "territory": h.territory,
            "team": h.team,
            "owner_id": h.owner_id,
            "first_owner_id": h.first_owner_id,
            "status": h.status,
            "reason": self._waits_because(h) if h.is_open else h.reason,
            "qualified_at": h.qualified_at,
            "synced_at": synced_at,
            "synced_source": synced_source,
            "routed_at": h.routed_at,
            "assigned_at": assigned_at,
            "workable_at": workable_at,
            "first_touch_at": h.first_touch_at,
            "first_touch_source": h.first_touch_source,
            "first_touch_owner_id": h.first_touch_owner_id,
            "engaged_at": h.engaged_at,
            "last_touch_at": h.last_touch_at,
            "raised_at": h.raised_at,
            "due_at": h.due_at,
            "closed_at": h.closed_at,
            "sla_minutes": sla_minutes,
            "sla_state": self._sla_state(h, ends),
            "count_reassigned": h.count_reassigned,
            "count_illegal": h.count_illegal,
            **between(h.qualified_at, synced_at, "pipeline"),
            **between(synced_at, assigned_at, "sync"),
            **between(assigned_at, h.first_touch_at, "human"),
            **between(h.clock_started_at, h.first_touch_at, "response"),
            "answer_minutes": between(workable_at, h.first_touch_at, "x")["x_wall_minutes"],
        }

    def _workable_at(
        self,
        h: _Handoff,
        working: WorkingTime,
        pauses: list[OpenSpan],
        assigned_at: datetime | None,
    ) -> datetime | None:
        """The first moment of the owner's working time in which the owner had it; where somebody
        was quicker than its owner, in which anybody could have."""
        had_at = assigned_at
        if h.first_touch_at is not None and (had_at is None or h.first_touch_at < had_at):
            had_at = h.qualified_at
        if had_at is None:
            return None
        tick = timedelta(microseconds=1)
        after_a_tick = working.due(had_at, tick, pauses)
        return None if after_a_tick is None else after_a_tick - tick

    def _waits_because(self, h: _Handoff) -> str | None:
        return None if h.owner_id else self.stuck.get(h.line, (None, None))[1]

    def _sla_state(self, h: _Handoff, ends: datetime) -> str:
        answered_at = h.first_touch_at or ends
        if h.due_at is None:
            return "on_track"  # the clock stands still
        if answered_at > h.due_at:
            return "breached"
        if h.first_touch_at is not None or not h.is_open:
            return "on_track"
        worked = self._working(h).elapsed(h.clock_started_at, ends, self._pauses(h))
        shares = [s.share for s in self.rules.steps.get(h.tier, ()) if s.share < 1]
        is_at_risk = bool(shares) and worked >= h.rule.sla * min(shares)
        return "at_risk" if is_at_risk else "on_track"

    def _synced(self, h: _Handoff) -> tuple[datetime | None, str | None]:
        """When a CRM first had it, and who says so: our ledger, else the CRM."""
        account = self.accounts.get(h.account_id) or Account()
        ends = h.closed_at or self.now
        told_at = min(
            (
                d.at
                for d in account.deliveries
                if (d.handoff_id == h.handoff_id and d.at <= self.now)
                or (
                    d.handoff_id is None
                    and d.model_key == h.model_key
                    and h.qualified_at <= d.at <= ends
                )
            ),
            default=None,
        )
        answered_at = self.acknowledged.get(h.handoff_id)
        if answered_at is not None and answered_at > ends:
            answered_at = None  # it was over before anybody could see it, or is to come
        if answered_at is None or (told_at is not None and told_at < self.ledger_since):
            return told_at, None if told_at is None else "crm"
        return answered_at, "sync_ledger"


def _within(spans: Iterable[OpenSpan], at: datetime) -> bool:
    return any(first <= at and (last is None or at < last) for first, last in spans)


def _ends(block: Suppression) -> datetime:
    return block.until or datetime.max
