"""Hand-offs from tables to a table: reads rules and facts for `handoff_fold`, writes one log.

The log has rows of five kinds (``row_type``): one ``run`` (how far it came), a ``decision`` for
each time an account qualified, an ``event`` for each thing that happened to a hand-off, an
``alert`` for each step of its clock, and a ``handoff`` as it stands now. Models select a kind each.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

from plg_statistics.handoff_fold import (
    ASSIGNMENTS,
    Account,
    Crossing,
    Decided,
    Delivery,
    Member,
    Opportunity,
    Outcome,
    Report,
    Row,
    Rules,
    Step,
    Suppression,
    Team,
    TierRule,
    Touch,
    Zone,
    fold,
)
from plg_statistics.working_time import Hours, WorkingTime

_TEXT, _TIME, _INT, _BOOL = pa.string(), pa.timestamp("us"), pa.int64(), pa.bool_()
_DELAYS = [
    f"{part}{clock}_minutes"
    for part in ("pipeline", "sync", "human", "response")
    for clock in ("", "_wall")
]
LOG = pa.schema([
    ("row_type", _TEXT), ("seq", _INT), ("happened_at", _TIME), ("event", _TEXT),
    ("decision", _TEXT),
    ("handoff_id", _TEXT), ("model_key", _TEXT), ("account_id", _TEXT), ("qualified_at", _TIME),
    ("first_tier", _TEXT), ("tier", _TEXT), ("zone", _TEXT), ("zone_reason", _TEXT),
    ("territory", _TEXT), ("team", _TEXT), ("owner_id", _TEXT), ("first_owner_id", _TEXT),
    ("preferred_owner_id", _TEXT), ("evidence_owner_id", _TEXT), ("opportunity_id", _TEXT),
    ("status", _TEXT), ("from_status", _TEXT), ("to_status", _TEXT), ("reason", _TEXT),
    ("reasons", _TEXT), ("detail", _TEXT), ("source", _TEXT), ("is_applied", _BOOL),
    ("flag", _TEXT), ("open_after", _INT), ("capacity", _INT), ("step", _TEXT),
    ("action", _TEXT), ("share", pa.float64()), ("recipient_email", _TEXT),
    ("synced_at", _TIME), ("synced_source", _TEXT),
    ("routed_at", _TIME), ("assigned_at", _TIME), ("workable_at", _TIME),
    ("first_touch_at", _TIME), ("first_touch_source", _TEXT), ("first_touch_owner_id", _TEXT),
    ("engaged_at", _TIME), ("last_touch_at", _TIME), ("raised_at", _TIME), ("due_at", _TIME),
    ("closed_at", _TIME), ("sla_minutes", _INT), ("sla_state", _TEXT),
    ("count_reassigned", _INT), ("count_illegal", _INT), *((name, _INT) for name in _DELAYS),
    ("answer_minutes", _INT),
])  # fmt: skip

Tables = Mapping[str, Sequence[Row]]
"""Rows by the names that the model `int_pql__handoff_log` gives its inputs."""


def handoff_log(tables: Tables, now: datetime, before: Sequence[Row] = ()) -> pa.Table:
    """The log up to ``now``; ``before`` is the log of the build before."""
    decided = _decided(before, now)
    standing = {row["account_id"] for row in decided.decisions} if decided else set()
    accounts = _accounts(tables, standing)
    acknowledged = _acknowledged(tables)
    outcome = fold(_rules(tables), _crossings(tables), accounts, now, decided, acknowledged)
    return log_of(outcome, now)


def log_of(outcome: Outcome, now: datetime) -> pa.Table:
    rows: list[Row] = [{"row_type": "run", "seq": 1, "happened_at": now}]
    kinds = {
        "decision": ("qualified_at", outcome.decisions),
        "event": ("at", outcome.events),
        "alert": ("at", outcome.alerts),
        "handoff": ("qualified_at", outcome.handoffs),
    }
    for row_type, (time_column, found) in kinds.items():
        rows += [
            {"row_type": row_type, "happened_at": row[time_column], **row, "seq": place}
            for place, row in enumerate(found, 1)
        ]
    return pa.Table.from_pylist(rows, schema=LOG)


def _decided(before: Sequence[Row], now: datetime) -> Decided | None:
    """What stands of an earlier log. What it decided at this very moment is decided once more:
    where the clock is frozen, late data must still count."""
    nothing = dict.fromkeys(LOG.names)  # a log of an earlier version may lack columns
    before = [nothing | row for row in before if row.get("happened_at") is not None]
    until = max((row["happened_at"] for row in before if row["row_type"] == "run"), default=None)
    if until is None:
        return None
    until = min(until, now - timedelta(microseconds=1))
    standing = sorted(
        (row for row in before if row["row_type"] != "run" and row["happened_at"] <= until),
        key=lambda row: row["seq"],
    )
    decisions = [
        {name: row[name] for name in _DECISION} for row in standing if row["row_type"] == "decision"
    ]
    assignments = [
        {**row, "at": row["happened_at"]}
        for row in standing
        if row["row_type"] == "event" and row["event"] in ASSIGNMENTS
    ]
    return Decided(until, decisions, assignments)


_DECISION = (
    "decision", "handoff_id", "model_key", "account_id", "qualified_at", "tier", "zone",
    "zone_reason", "territory", "team", "preferred_owner_id", "evidence_owner_id",
    "opportunity_id", "reason", "reasons", "detail",
)  # fmt: skip


# ---------------------------------------------------------------------------------- rules


def _rules(tables: Tables) -> Rules:
    clocks = _Clocks(tables)
    teams = {
        row["team"]: Team(
            row["team"],
            clocks.of(row["calendar_key"], row["time_zone"], row["holiday_region"]),
            row["manager_email"],
        )
        for row in tables["teams"]
    }
    members = _members(tables, clocks)
    owner_of = {member.email: owner_id for owner_id, member in members.items()}
    steps: dict[str, list[Step]] = defaultdict(list)
    for row in tables["escalations"]:
        steps[row["tier"]].append(Step(row["step"], float(row["at_share"]), row["action"]))
    reasons = sorted(tables["reasons"], key=lambda row: row["priority"])
    return Rules(
        tiers={
            (row["model_key"], row["tier"]): TierRule(
                sla=timedelta(minutes=row["sla_minutes"]),
                expires_after=timedelta(days=row["expires_after_days"]),
                quiet_after=timedelta(days=row["quiet_after_days"]),
                cool_down=timedelta(days=row["cool_down_days"]),
            )
            for row in tables["tiers"]
        },
        teams=teams,
        members=members,
        default_working=clocks.of(None, None, None),
        steps={tier: sorted(rows, key=lambda s: (s.share, s.step)) for tier, rows in steps.items()},
        moves=frozenset((row["from_status"], row["to_status"]) for row in tables["moves"]),
        reasons=[row["reason"] for row in reasons if row["is_enabled"]],
        pauses=[
            # a person nobody knows has no clock to stop
            (row["team"], owner_of.get(row["owner_email"]), row["paused_from"], row["paused_until"])
            for row in tables["pauses"]
            if row["owner_email"] is None or row["owner_email"] in owner_of
        ],
    )


class _Clocks:
    """Working time by calendar, zone and holidays, each made once."""

    def __init__(self, tables: Tables) -> None:
        self._hours: dict[str, list[Hours]] = defaultdict(list)
        for row in sorted(tables["calendars"], key=lambda r: (r["calendar_key"], r["weekday"])):
            hours = Hours.of(row["weekday"], row["opens"], row["closes"])
            self._hours[row["calendar_key"]].append(hours)
        self._days_off: dict[str, set[date]] = defaultdict(set)
        for row in tables["holidays"]:
            self._days_off[row["holiday_region"]].add(row["holiday_date"])
        self._made: dict[tuple[str | None, ...], WorkingTime] = {}

    def of(self, calendar: str | None, zone: str | None, region: str | None) -> WorkingTime:
        """Without a calendar the first there is (by name), without a zone UTC."""
        key = (calendar, zone, region)
        if key not in self._made:
            if calendar is not None and calendar not in self._hours:
                known = ", ".join(sorted(self._hours)) or "none"
                raise ValueError(
                    f"calendar {calendar!r} is not in seeds/sla_calendars.csv (there are: {known})"
                )
            name = calendar or min(self._hours, default=None)
            self._made[key] = WorkingTime(
                zone or "UTC",
                self._hours[name] if name else [],
                frozenset(self._days_off.get(region or "", ())),
            )
        return self._made[key]


def _members(tables: Tables, clocks: _Clocks) -> dict[str, Member]:
    absences = defaultdict(list)
    for row in tables["absences"]:
        absences[row["owner_email"].lower()].append((row["first_date"], row["last_date"]))
    by_owner: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(tables["people"], key=lambda r: (r["owner_id"], r["team"] or "")):
        by_owner[row["owner_id"]].append(row)
    members = {}
    for owner_id, rows in by_owner.items():
        first = rows[0]
        working = clocks.of(first["calendar_key"], first["time_zone"], first["holiday_region"])
        members[owner_id] = Member(
            owner_id,
            capacity=min(row["capacity"] for row in rows),
            working=working,
            email=first["owner_email"],
            manager_email=first["manager_email"],
            teams={row["team"]: row["position"] for row in rows if row["team"] is not None},
            here=[(datetime.min, first["inactive_since"])],
            team_spans={
                row["team"]: (
                    _midnight(row["valid_from"]) or datetime.min,
                    _midnight(row["valid_to"]),
                )
                for row in rows
                if row["team"] is not None
            },
            away=[
                (working.midnight(begins), working.midnight(ends + timedelta(days=1)))
                for begins, ends in absences[first["owner_email"]]
            ],
        )
    return members


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time())


# ---------------------------------------------------------------------------------- facts


def _crossings(tables: Tables) -> list[Crossing]:
    return [
        Crossing(row["crossed_at"], row["model_key"], row["account_id"], row["tier"])
        for row in tables["crossings"]
    ]


def _accounts(tables: Tables, standing: set[str]) -> dict[str, Account]:
    """Accounts that qualified, are reported on, or have ``standing`` decisions."""
    known = {row["account_id"]: row["named_account_owner_id"] for row in tables["accounts"]}
    wanted = standing | {row["account_id"] for row in tables["crossings"]}
    wanted |= {row["account_id"] for row in tables["crm_versions"]}
    accounts = {
        account_id: Account(named_owner_id=known[account_id])
        for account_id in wanted
        if account_id in known
    }
    nobody = Account()  # takes what is told of accounts nobody asks about

    def of(row: Row) -> Account:
        return accounts.get(row["account_id"], nobody)

    for row in tables["zones"]:
        of(row).zones.append(
            Zone(
                row["valid_from"],
                row["rule_order"],
                row["zone"],
                row["is_routed"],
                row["description"] or row["zone"],
            )
        )
    for row in tables["suppressions"]:
        of(row).suppressions.append(
            Suppression(row["valid_from"], row["valid_to"], row["reason"], row["detail"])
        )
    for row in tables["opportunities"]:
        if row["created_at"] is not None:
            of(row).opportunities.append(
                Opportunity(
                    f"{row['crm']}:{row['opportunity_id']}",
                    row["owner_id"],
                    row["created_at"],
                    _end_of_a_bare_day(row["closed_at"]),
                    bool(row["is_won"]),
                )
            )
    for row in tables["touches"]:
        of(row).touches.append(Touch(row["touched_at"], row["sales_touch_id"], row["owner_id"]))
    for row in tables["routes"]:
        of(row).routes[row["tier"]] = (row["territory"], row["team"])
    for row in tables["paying_periods"]:
        # a day's revenue is that at its end
        paid_at = datetime.combine(row["valid_from"], time.max)
        of(row).payments.append(paid_at)
    _take_versions(tables, of)
    return accounts


def _acknowledged(tables: Tables) -> dict[str, datetime]:
    """By hand-off: the first answer of any of the syncs that announce it."""
    first: dict[str, datetime] = {}
    for row in tables["deliveries"]:
        known = first.get(row["subject"], row["delivered_at"])
        first[row["subject"]] = min(known, row["delivered_at"])
    return first


def _end_of_a_bare_day(at: datetime | None) -> datetime | None:
    """Midnight sharp is a day of which nobody kept the hour."""
    if at is None or at.time() != time():
        return at
    return datetime.combine(at.date(), time.max)


def _take_versions(tables: Tables, of: Any) -> None:
    """Of a record's versions each says that the CRM had it, and a new status is a report."""
    meaning = {row["crm_status"]: row["status"] for row in tables["statuses"]}
    said: dict[tuple[str, str], str | None] = {}
    for row in sorted(
        tables["crm_versions"], key=lambda r: (r["crm"], r["record_id"], r["modified_at"])
    ):
        account = of(row)
        account.deliveries.append(Delivery(row["modified_at"], row["model_key"], row["handoff_id"]))
        record = (row["crm"], row["record_id"])
        if row["crm_status"] is None or said.get(record) == row["crm_status"]:
            continue
        said[record] = row["crm_status"]
        account.reports.append(
            Report(
                row["status_at"],
                ":".join(record),
                row["model_key"],
                row["handoff_id"],
                meaning.get(row["crm_status"], row["crm_status"]),
                row["rejection_reason"],
            )
        )
