"""Attribution the slow and obvious way: every conversion on its own, with exact fractions.

Reads what the marts' inputs say (people, touches, movements) and shares no code or method with
the models: paths are lists, weights are fractions, the Markov chain is walked step by step until
nobody is left in it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import duckdb

LOOK_BACK = timedelta(days=90)
HALF_LIFE_DAYS = 7
RULES = ["first", "last", "last_non_direct", "linear", "position_based", "time_decay"]


@dataclass(frozen=True)
class Touch:
    touch_id: str
    channel: str
    at: datetime


@dataclass(frozen=True)
class Conversion:
    """`entity` is a person, an account, or a CRM record of nobody."""

    type: str
    entity: str
    at: datetime
    value: Decimal | None


def weights(rule: str, path: Sequence[Touch]) -> list[Fraction]:
    """Share of each touch of a path in order, adding up to 1."""
    n = len(path)
    given = [Fraction(0)] * n
    if rule == "first":
        given[0] = Fraction(1)
    elif rule == "last":
        given[-1] = Fraction(1)
    elif rule == "last_non_direct":
        named = [place for place, touch in enumerate(path) if touch.channel != "direct"]
        given[named[-1] if named else -1] = Fraction(1)
    elif rule == "linear":
        given = [Fraction(1, n)] * n
    elif rule == "position_based":
        if n <= 2:
            given = [Fraction(1, n)] * n
        else:
            given = [Fraction(2, 5), *[Fraction(1, 5) / (n - 2)] * (n - 2), Fraction(2, 5)]
    elif rule == "time_decay":
        ages = [(path[-1].at - touch.at).total_seconds() / 86400 for touch in path]
        raw = [Fraction(2 ** (-age / HALF_LIFE_DAYS)) for age in ages]
        given = [weight / sum(raw) for weight in raw]
    return given


class Company:
    """Touches of every person and account, and every conversion, from the published tables."""

    def __init__(self, connection: duckdb.DuckDBPyConnection):
        self.rows = lambda sql: connection.execute(sql).fetchall()
        ((self.as_of,),) = self.rows("select as_of_at from core.dim_as_of")
        self.accounts_of = defaultdict(set)
        for person, account in self.rows(
            "select person_id, account_id from identity.bridge_account_people"
        ):
            self.accounts_of[person].add(account)
        self.signed_up = dict(self.rows("select account_id, signed_up_at from core.dim_accounts"))
        self.invited = defaultdict(list)
        for invitee, *invitation in self.rows(
            "select invitee_person_id, sent_at, accepted_at, account_id, inviter_person_id "
            "from loops.fct_invites where invitee_person_id is not null"
        ):
            self.invited[invitee].append(invitation)
        self.touches: dict[str, dict[str, Touch]] = defaultdict(dict)
        self._sessions()
        self._invitations()
        self._sales()
        self.conversions = [*self._people(), *self._accounts()]

    def path(self, entity: str, until: datetime) -> list[Touch]:
        """What reached the entity in the look-back up to the moment, in order."""
        return sorted(
            (
                touch
                for touch in self.touches[entity].values()
                if touch.at <= until < touch.at + LOOK_BACK
            ),
            key=lambda touch: (touch.at, touch.touch_id),
        )

    def paths(self, conversion_type: str, kind: str) -> tuple[list[list[str]], list[list[str]]]:
        """Channels of the paths of who converted, and of who has not."""
        converted = {c.entity: c for c in self.conversions if c.type == conversion_type}
        known = {
            entity
            for entity, touches in self.touches.items()
            if touches and entity.startswith("per_") == (kind == "person")
        }
        won = [self.path(c.entity, c.at) for c in converted.values()]
        lost = [
            self.path(entity, max(touch.at for touch in self.touches[entity].values()))
            for entity in known - set(converted)
        ]
        return [[t.channel for t in p] for p in won if p], [[t.channel for t in p] for p in lost]

    def _touch(self, touch: Touch, person: str | None, account: str | None = None) -> None:
        if touch.at > self.as_of:
            return
        entities = {person, account}
        for of_person in self.accounts_of.get(person, ()):
            if touch.channel != "referral_program" or self._is_from_outside(
                touch, person, of_person
            ):
                entities.add(of_person)
        for entity in entities - {None}:
            self.touches[entity][touch.touch_id] = touch

    def _is_from_outside(self, touch: Touch, invitee: str, account: str) -> bool:
        """Whether an invitation may be what brought the account in."""
        began = touch.at
        for sent, accepted, from_account, inviter in self.invited[invitee]:
            if sent <= touch.at <= accepted:
                senders = {from_account} if from_account else self.accounts_of.get(inviter, ())
                if account in senders:
                    return False
                began = min(began, sent)
        signed_up = self.signed_up.get(account)
        return signed_up is None or began <= signed_up

    def _sessions(self) -> None:
        for session, person, channel, at in self.rows(
            "select session_id, person_id, channel, touched_at from core.fct_touches"
        ):
            self._touch(Touch(session, channel, at), person)

    def _invitations(self) -> None:
        for invite, person, sent, accepted in self.rows(
            "select invite_id, invitee_person_id, sent_at, accepted_at from loops.fct_invites "
            "where invitee_person_id is not null"
        ):
            if not any(
                touch.channel == "referral_program" and sent <= touch.at <= accepted
                for touch in self.touches[person].values()
            ):
                self._touch(Touch(f"inv_{invite}", "referral_program", accepted), person)

    def _sales(self) -> None:
        for touch, person, account, at in self.rows(
            "select sales_touch_id, person_id, account_id, touched_at from core.fct_sales_touches"
        ):
            self._touch(Touch(touch, "sales", at), person, account)

    def _people(self) -> Iterable[Conversion]:
        for person, at in self.rows(
            "select person_id, signed_up_at from core.dim_people where signed_up_at is not null"
        ):
            yield Conversion("signup", person, at, None)
        responded: dict[str, date] = {}
        for crm, record, member, person, day in self.rows(
            "select crm, crm_record_id, campaign_member_id, person_id, responded_date "
            "from core.fct_campaign_responses"
        ):
            who = person or f"{crm} {record or member}"
            responded[who] = min(day, responded.get(who, day))
        for who, day in responded.items():
            yield Conversion("mql", who, _end_of(day), None)

    def _accounts(self) -> Iterable[Conversion]:
        for account, at in self.rows(
            "select account_id, min(transitioned_at) from pql.fct_transitions "
            "where model_key = 'rubric_150' and to_tier in ('hot', 'warm') group by account_id"
        ):
            yield Conversion("pql", account, at, None)
        new: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
        for account, day, amount in self.rows(
            "select account_id, movement_date, amount from revenue.fct_mrr_movements "
            "where movement_type = 'new'"
        ):
            new[account].append((day, amount))
        begun: dict[str, list[datetime]] = defaultdict(list)
        for account, at in self.rows(
            "select account_id, valid_from from core.fct_subscription_item_periods "
            "where counts_as_mrr"
        ):
            begun[account].append(at)
        for account, amounts in new.items():
            day = min(day for day, _ in amounts)
            moments = [at for at in begun[account] if at.date() == day]
            at = min(moments) if moments else _end_of(day)
            yield Conversion("first_payment", account, at, sum(amount for _, amount in amounts))


def removal_effects(won: list[list[str]], lost: list[list[str]]) -> dict[str, float]:
    """Walks everybody through the chain, a step at a time, until hardly anybody is left."""
    steps: dict[str, Counter] = defaultdict(Counter)
    for path, end in [*((p, "won") for p in won), *((p, "lost") for p in lost)]:
        states = ["start", *(f"channel {channel}" for channel in path), end]
        for from_, to in pairwise(states):
            steps[from_][to] += 1

    def chance(removed: str | None) -> float:
        here, arrived = {"start": 1.0}, 0.0
        while sum(here.values()) > 1e-15:
            following: dict[str, float] = defaultdict(float)
            for state, share in here.items():
                total = sum(steps[state].values())
                for to, count in steps[state].items():
                    if to == "won":
                        arrived += share * count / total
                    elif to not in ("lost", removed):
                        following[to] += share * count / total
            here = following
        return arrived

    whole = chance(None)
    channels = {channel for path in [*won, *lost] for channel in path}
    return {c: 1 - chance(f"channel {c}") / whole for c in channels} if whole else {}


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max)
