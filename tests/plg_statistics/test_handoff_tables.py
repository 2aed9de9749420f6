"""From rows as the models give them to the log, and from the log of one build to the next."""

import random
from datetime import date, datetime, timedelta

import pytest

from plg_statistics.handoff_fold import handoff_id_of
from plg_statistics.handoff_tables import LOG, handoff_log

NOW = datetime(2026, 3, 10)
HOT_AT = datetime(2026, 3, 2, 23, 59, 59, 999999)


def person(name: str, team: str | None = "ae", **more) -> dict:
    return {
        "owner_id": name, "team": team, "position": 1, "owner_email": f"{name}@x.example",
        "capacity": 5, "calendar_key": "office", "time_zone": "America/New_York",
        "holiday_region": "US", "manager_email": "boss@x.example", "valid_from": None,
        "valid_to": None, "inactive_since": None,
    } | more  # fmt: skip


def version(day: int, status: str | None, **more) -> dict:
    at = datetime(2026, 3, day, 12)
    return {
        "crm": "salesforce", "record_id": "a0P1", "modified_at": at, "handoff_id": None,
        "model_key": "m", "account_id": "acc", "owner_id": None, "crm_status": status,
        "rejection_reason": None, "status_at": at,
    } | more  # fmt: skip


def tables(**more) -> dict:
    empty: dict = {
        name: []
        for name in (
            "suppressions", "opportunities", "touches", "crm_versions", "paying_periods",
            "absences", "holidays", "pauses", "deliveries",
        )
    }  # fmt: skip
    rows = {
        "crossings": [
            {"model_key": "m", "account_id": "acc", "tier": "hot", "crossed_at": HOT_AT}
        ],
        "accounts": [{"account_id": "acc", "named_account_owner_id": None}],
        "zones": [
            {"account_id": "acc", "rule_order": 1, "zone": "sales_available", "is_routed": True,
             "description": None, "valid_from": datetime(1900, 1, 1)}
        ],
        "routes": [{"account_id": "acc", "tier": "hot", "territory": "world", "team": "ae"}],
        "people": [person("ann")],
        "tiers": [
            {"model_key": "m", "tier": "hot", "sla_minutes": 60, "expires_after_days": 14,
             "quiet_after_days": 30, "cool_down_days": 30}
        ],
        "teams": [
            {"team": "ae", "calendar_key": "office", "time_zone": "UTC", "holiday_region": None,
             "manager_email": "boss@x.example"}
        ],
        "calendars": [
            {"calendar_key": "office", "weekday": day, "opens": "09:00", "closes": "17:00"}
            for day in range(1, 6)
        ],
        "escalations": [
            {"tier": "hot", "step": "warning", "at_share": 0.5, "action": "warn_owner"}
        ],
        "statuses": [
            {"crm_status": word, "status": status}
            for word, status in [("new", "pending"), ("working", "engaged"), ("no", "rejected")]
        ],
        "moves": [
            {"from_status": "pending", "to_status": "engaged"},
            {"from_status": "engaged", "to_status": "rejected"},
        ],
        "reasons": [
            {"reason": "self_serve_zone", "priority": 2, "is_enabled": True},
            {"reason": "student", "priority": 1, "is_enabled": False},
        ],
    }  # fmt: skip
    return empty | rows | more


def rows_of(log, row_type: str) -> list[dict]:
    return [row for row in log.to_pylist() if row["row_type"] == row_type]


def handoff(**more) -> dict:
    (row,) = rows_of(handoff_log(tables(**more), NOW), "handoff")
    return row


def test_nothing_in_is_a_log_of_one_run():
    nothing = {name: [] for name in tables()}
    assert handoff_log(nothing, NOW).to_pylist() == [
        dict.fromkeys(LOG.names) | {"row_type": "run", "seq": 1, "happened_at": NOW}
    ]


def test_what_the_fold_says_has_a_column_in_the_log():
    row = handoff()
    assert row["handoff_id"] == handoff_id_of("m", "acc", HOT_AT)
    # an hour of working time in New York, from Tuesday 09:00 there (14:00 UTC)
    assert row["due_at"] == datetime(2026, 3, 3, 15)
    assert (row["owner_id"], row["zone"], row["sla_state"]) == (
        "ann",
        "sales_available",
        "breached",
    )


def test_a_holiday_and_an_absence_are_days_of_the_owners_own_clock():
    off = [{"holiday_region": "US", "holiday_date": date(2026, 3, 3)}]
    assert handoff(holidays=off)["due_at"] == datetime(2026, 3, 4, 15)
    away = {"owner_email": "ann@x.example", "first_date": date(2026, 3, 2),
            "last_date": date(2026, 3, 2)}  # fmt: skip
    # the second of March ends at five in the morning UTC of the third
    assert handoff(absences=[away])["routed_at"] == datetime(2026, 3, 3, 5)


def test_of_a_records_versions_a_new_status_is_a_report_and_the_first_is_when_the_crm_had_it():
    found = handoff(crm_versions=[
        version(2, "new"),  # before it qualified: an earlier hand-off's
        version(3, "new"),
        version(4, "working"),
        version(5, "working"),  # the score changed, the status did not
        version(6, "no", rejection_reason="not_icp"),
    ])  # fmt: skip
    assert (found["synced_at"], found["engaged_at"]) == (
        datetime(2026, 3, 3, 12), datetime(2026, 3, 4, 12),
    )  # fmt: skip
    assert (found["status"], found["reason"], found["closed_at"]) == (
        "rejected", "not_icp", datetime(2026, 3, 6, 12),
    )  # fmt: skip
    assert found["assigned_at"] == found["synced_at"] > found["routed_at"]
    unknown = handoff(crm_versions=[version(4, "brooding")])
    assert (unknown["status"], unknown["count_illegal"]) == ("pending", 1)


def test_when_the_crm_had_it_is_told_by_our_ledger_and_else_by_the_crm():
    hof = handoff_id_of("m", "acc", HOT_AT)

    def synced(*delivered: datetime, crm: list | None = None, others: list | None = None) -> tuple:
        deliveries = [
            {"sync_name": f"s{n}", "subject": hof, "delivered_at": at}
            for n, at in enumerate(delivered)
        ]
        found = handoff(deliveries=deliveries + (others or []), crm_versions=crm or [])
        return found["synced_at"], found["synced_source"]

    acked, read_back = datetime(2026, 3, 3, 2, 20), datetime(2026, 3, 4, 12)
    assert synced() == (None, None)
    assert synced(crm=[version(4, "new")]) == (read_back, "crm")
    # the first of several destinations, whatever is read back later
    found = synced(acked + timedelta(hours=1), acked, crm=[version(4, "new")])
    assert found == (acked, "sync_ledger")
    # the CRM's clock is not ours: its word counts only of the time before the ledger
    before = [{"sync_name": "s", "subject": "hof_other", "delivered_at": acked}]
    assert synced(datetime(2026, 3, 5), crm=[version(4, "new")], others=before) == (
        datetime(2026, 3, 5), "sync_ledger",
    )  # fmt: skip
    assert synced(datetime(2026, 3, 5), crm=[version(4, "new")]) == (read_back, "crm")
    # it expired before anybody could see it
    assert handoff(
        deliveries=[{"sync_name": "s", "subject": hof, "delivered_at": NOW}],
        paying_periods=[{"account_id": "acc", "valid_from": date(2026, 3, 4)}],
    )["synced_at"] is None  # fmt: skip
    # what came after the day that is looked at is not known on it
    assert synced(NOW + timedelta(seconds=1)) == (None, None)
    assert synced(NOW) == (NOW, "sync_ledger")


def test_the_delays_follow_the_acknowledgement():
    hof = handoff_id_of("m", "acc", HOT_AT)
    acked = datetime(2026, 3, 3, 15, 30)  # half past ten in New York
    touch = {"account_id": "acc", "sales_touch_id": "t", "owner_id": "ann",
             "touched_at": datetime(2026, 3, 3, 16)}  # fmt: skip
    found = handoff(
        deliveries=[{"sync_name": "s", "subject": hof, "delivered_at": acked}], touches=[touch]
    )
    assert found["assigned_at"] == acked > found["routed_at"]
    delays = [found[f"{part}_minutes"] for part in ("pipeline", "sync", "human", "response")]
    # nine o'clock is two in the afternoon UTC
    assert delays == [90, 0, 30, 120]


def busy_month() -> dict:
    """Twelve accounts, three people of two teams, some of everything; two a moment."""
    names = [f"a{n:02d}" for n in range(12)]
    at = [datetime(2026, 2, 2 + n // 2, 23, 59, 59) for n in range(12)]
    return tables(
        accounts=[
            {"account_id": name, "named_account_owner_id": "cem" if n == 3 else None}
            for n, name in enumerate(names)
        ],
        crossings=[
            {"model_key": "m", "account_id": name, "tier": "hot", "crossed_at": at[n]}
            for n, name in enumerate(names)
        ],
        zones=[
            {"account_id": name, "rule_order": order, "zone": zone, "is_routed": order == 1,
             "description": None, "valid_from": datetime(1900, 1, 1)}
            for n, name in enumerate(names)
            for order, zone in ((1, "sales_available"), (2, "self_serve_only"))
            if order == 2 or n % 5
        ],
        routes=[
            {"account_id": name, "tier": "hot", "territory": "world",
             "team": "sdr" if n % 4 == 0 else "ae"}
            for n, name in enumerate(names)
        ],
        people=[
            person("ann", capacity=2), person("bob", position=2, capacity=2),
            person("ann", "sdr", position=2, capacity=2), person("cem", "sdr", capacity=3),
        ],
        suppressions=[
            {"account_id": "a07", "reason": "self_serve_zone", "detail": None,
             "valid_from": at[0], "valid_to": None},
        ],
        opportunities=[
            {"crm": "salesforce", "opportunity_id": "1", "account_id": "a05", "owner_id": "bob",
             "created_at": at[0], "closed_at": at[8], "is_won": False},
        ],
        touches=[
            {"account_id": name, "sales_touch_id": f"t{n}", "owner_id": "ann",
             "touched_at": at[n] + timedelta(hours=16)}
            for n, name in enumerate(names) if n % 3 == 1
        ],
        crm_versions=[
            version(5, status, account_id=name, record_id=f"r{name}")
            for name, status in (("a01", "working"), ("a02", "no"), ("a04", "new"))
        ],
        deliveries=[
            {"sync_name": sync, "subject": handoff_id_of("m", name, at[n]),
             "delivered_at": at[n] + timedelta(hours=hours)}
            for n, name in enumerate(names) for sync, hours in (("hubspot", 3), ("salesforce", 2))
        ],
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_the_same_tables_in_any_order_of_their_rows_are_the_same_log(seed):
    found = handoff_log(busy_month(), NOW)
    shuffled = busy_month()
    chance = random.Random(seed)
    for rows in shuffled.values():
        chance.shuffle(rows)
    assert handoff_log(shuffled, NOW).to_pylist() == found.to_pylist()
    reasons = {row["reason"] for kind in ("event", "decision") for row in rows_of(found, kind)}
    assert {"in_turn", "team_full", "named_account", "self_serve_zone", "no_touch"} <= reasons


def test_a_day_without_an_hour_ends_late():
    deal = {
        "crm": "salesforce", "opportunity_id": "1", "account_id": "acc", "owner_id": "ann",
        "created_at": datetime(2026, 3, 3, 16), "closed_at": datetime(2026, 3, 3), "is_won": True,
    }  # fmt: skip
    assert handoff(opportunities=[deal])["closed_at"] == datetime(2026, 3, 3, 23, 59, 59, 999999)


def test_a_switched_off_reason_suppresses_nobody():
    student = [{"account_id": "acc", "reason": "student", "detail": None,
                "valid_from": datetime(1900, 1, 1), "valid_to": None}]  # fmt: skip
    assert handoff(suppressions=student)["status"] == "pending"


def test_a_member_takes_turns_only_while_in_the_team():
    later = person("ann", valid_from=date(2026, 3, 5))
    assert handoff(people=[later])["routed_at"] == datetime(2026, 3, 5)
    former = person("ann", valid_to=date(2026, 3, 1))
    assert handoff(people=[former])["owner_id"] is None


def test_the_next_build_keeps_what_this_one_decided():
    before = handoff_log(tables(), NOW).to_pylist()
    changed = tables(people=[person("bob")], crossings=[], routes=[])
    later = NOW + timedelta(days=1)
    again = handoff_log(changed, later, before)
    (row,) = rows_of(again, "handoff")
    assert (row["owner_id"], row["qualified_at"]) == ("ann", HOT_AT)
    assert handoff_log(changed, later, again.to_pylist()) == again, "and the same build twice"
    assert handoff_log(tables(), NOW, before).to_pylist() == before
    assert rows_of(handoff_log(changed, later), "handoff") == []


def test_a_log_of_another_version_and_an_account_that_is_gone_are_let_be():
    before = handoff_log(tables(), NOW).to_pylist()
    other = [{"row_type": "run", "at": NOW}]
    assert rows_of(handoff_log(tables(), NOW, other), "handoff")
    gone = tables(accounts=[], crossings=[])
    assert rows_of(handoff_log(gone, NOW, before), "handoff") == []


def test_late_data_counts_also_while_the_clock_stands_still():
    before = handoff_log(tables(crossings=[]), NOW).to_pylist()
    (row,) = rows_of(handoff_log(tables(), NOW, before), "handoff")
    assert row["qualified_at"] == NOW


def test_the_moving_moment_of_an_unfinished_day_is_one_decision():
    noon = datetime(2026, 3, 2, 12)
    crossing = tables()["crossings"][0]
    before = handoff_log(tables(crossings=[crossing | {"crossed_at": noon}]), noon).to_pylist()
    after = handoff_log(tables(), NOW, before)
    assert [row["qualified_at"] for row in rows_of(after, "decision")] == [noon]


def test_a_calendar_nobody_wrote_is_an_error_that_says_which():
    with pytest.raises(ValueError, match=r"'nights' is not in seeds/sla_calendars.csv"):
        handoff(people=[person("ann", calendar_key="nights")])
