"""The truth on disk: demo_truth/*.parquet. No model and no pipeline step ever reads it."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from demo_company.causes import Causes
from demo_company.clock import MS_MINUTE, day_of
from demo_company.crm import Crm
from demo_company.employers import Employer
from demo_company.events import EventLog
from demo_company.truth import MOVEMENTS
from demo_company.word_of_mouth import plan_shares
from demo_company.world import World

Moves = dict[int, list[tuple[int, str, int, int]]]
Months = dict[int, list[dict[str, Any]]]
MONEY = pa.decimal128(18, 2)


def person_id(person: int) -> str:
    return f"true_{person:08d}"


def _write(path: Path, columns: dict[str, pa.Array]) -> None:
    pq.write_table(pa.table(columns), path, compression="zstd")


def _cents(values: list[int]) -> pa.Array:
    return pa.array([Decimal(value) / 100 for value in values], MONEY)


def write_person_ids(world: World, log: EventLog, folder: Path) -> int:
    """Every id that can be seen in the files and the person behind it."""
    ids: dict[tuple[str, str], tuple[int, bool]] = {}
    for user in world.users:
        ids.setdefault(("user_id", user.user_id), (user.person, False))
        if user.email_verified:
            ids.setdefault(("email", user.email.lower()), (user.person, False))
    for device in world.devices:
        user = world.users[device.user]
        seen = device.is_first or bool(log.usage.seen_devices[device.index])
        if device.shared_from < 0 and seen:
            ids.setdefault(("anonymous_id", device.anonymous_id), (user.person, False))
    first, strangers = len(world.devices), log.count_visitors + log.count_bots
    for i in range(strangers):
        key = ("anonymous_id", log.texts.anonymous_ids[first + i])
        ids[key] = (len(world.users) + i, i >= log.count_visitors)
    _write(
        folder / "person_ids.parquet",
        {
            "id_type": pa.array([kind for kind, _ in ids]),
            "id_value": pa.array([value for _, value in ids]),
            "true_person_id": pa.array([person_id(p) for p, _ in ids.values()]),
            "is_bot": pa.array([is_bot for _, is_bot in ids.values()]),
        },
    )
    return len(ids)


def people_rows(world: World, log: EventLog, employed: dict[int, Employer]) -> list[dict[str, Any]]:
    """One row per person who signed up; moments in ms or None."""
    domains = {a.domain: a.index for a in world.accounts if a.domain}
    rows = []
    for user in world.users:
        if user.person != user.index or user.person not in log.milestones.signed_up:
            continue
        account = user.account
        if user.person in log.account_events:
            account = max(log.account_events[user.person].items(), key=lambda pair: pair[1])[0]
        elif account < 0:  # no workspace: the colleagues' account, by the domain of the e-mail
            account = domains.get(user.email.split("@")[1], -1)
            if user.index in employed:  # Sales or enrichment knows where they work
                account = employed[user.index].account
        rows.append(
            {
                "true_person_id": person_id(user.person),
                "primary_user_id": user.user_id,
                "account_id": world.accounts[account].account_id if account >= 0 else None,
                "signed_up_at": log.milestones.signed_up[user.person],
                **log.milestones.milestones(user.person),
            }
        )
    return rows


def write_people(rows: list[dict[str, Any]], folder: Path) -> None:
    texts = ("true_person_id", "primary_user_id", "account_id")
    moments = ("signed_up_at", "setup_at", "activated_at", "habit_at")
    _write(
        folder / "people.parquet",
        {name: pa.array([row[name] for row in rows], pa.string()) for name in texts}
        | {name: pa.array([row[name] for row in rows], pa.timestamp("ms")) for name in moments},
    )


def write_crm_records(world: World, crm: Crm, folder: Path) -> None:
    """Whose record each CRM account, contact and lead is; both NULL: nobody of the product's."""
    rows = [
        (object_name, record_id, user, account, kinds)
        for (object_name, record_id), (user, account, kinds) in crm.truth.items()
        if object_name in ("accounts", "contacts", "leads")
    ]
    _write(
        folder / "crm_records.parquet",
        {
            "crm": pa.array(["salesforce"] * len(rows), pa.string()),
            "object": pa.array([row[0] for row in rows], pa.string()),
            "record_id": pa.array([row[1] for row in rows], pa.string()),
            "true_person_id": pa.array(
                [None if row[2] is None else person_id(world.users[row[2]].person) for row in rows],
                pa.string(),
            ),
            "account_id": pa.array(
                [None if row[3] is None else world.accounts[row[3]].account_id for row in rows],
                pa.string(),
            ),
            "dirt": pa.array([";".join(row[4]) for row in rows], pa.string()),
        },
    )


def _people(world: World, users: list[int]) -> pa.Array:
    """True person ids of users; -1 is nobody."""
    texts = [None if user < 0 else person_id(world.users[user].person) for user in users]
    return pa.array(texts, pa.string())


def write_invites(world: World, planned: list[tuple[int, int, str, str]], folder: Path) -> None:
    """Who invited whom, and when it was taken up; an invitation nobody took up has no invitee."""
    rows = [
        (user.invite_id, user.inviter, user.invited_at, user.index, user.signed_up + 1200)
        for user in world.users
        if user.invite_id
    ]
    rows += [
        (invite, who, at, -1, None) for who, at, invite, _ in [*world.unaccepted_invites, *planned]
    ]
    last = world.parameters.end_ms - MS_MINUTE
    rows = [row for row in rows if world.parameters.start_ms <= row[2] < last]
    _write(
        folder / "invites.parquet",
        {
            "invite_id": pa.array([row[0] for row in rows], pa.string()),
            "inviter_person_id": _people(world, [row[1] for row in rows]),
            "sent_at": pa.array([row[2] for row in rows], pa.timestamp("ms")),
            "invitee_person_id": _people(world, [row[3] for row in rows]),
            "accepted_at": pa.array([row[4] for row in rows], pa.timestamp("ms")),
        },
    )


def write_shares(world: World, folder: Path) -> None:
    """Shared links that brought a user; those that brought nobody are not here."""
    shares = plan_shares(world)
    _write(
        folder / "shares.parquet",
        {
            "share_id": pa.array([share.share_id for share in shares], pa.string()),
            "sharer_person_id": _people(world, [share.sharer for share in shares]),
            "shared_at": pa.array([share.shared_at for share in shares], pa.timestamp("ms")),
            "visitor_person_id": _people(world, [share.visitor for share in shares]),
            "visited_at": pa.array([share.visited_at for share in shares], pa.timestamp("ms")),
        },
    )


def write_movements(world: World, causes: Causes, folder: Path) -> None:
    flat = [
        (world.accounts[account].account_id, *row)
        for account in sorted(causes)
        for row in causes[account]
    ]
    _write(
        folder / "mrr_movements.parquet",
        {
            "account_id": pa.array([row[0] for row in flat], pa.string()),
            "movement_date": pa.array([day_of(row[1]) for row in flat], pa.date32()),
            "movement_type": pa.array([row[2] for row in flat], pa.string()),
            "cause": pa.array([row[3] for row in flat], pa.string()),
            "amount": _cents([row[4] for row in flat]),
        },
    )


def write_recovery(world: World, rows: list[dict[str, Any]], folder: Path) -> None:
    """Every bill whose payment failed once, and what became of it."""
    texts = ("invoice_id", "reason", "outcome", "currency")
    moments = ("first_failed_at", "recovered_at", "lost_at")
    counts = ("failed_attempts", "recovered_on_attempt", "amount_cents")
    accounts = [world.accounts[row["account"]].account_id for row in rows]
    _write(
        folder / "recovery.parquet",
        {"account_id": pa.array(accounts, pa.string())}
        | {name: pa.array([row[name] for row in rows], pa.string()) for name in texts}
        | {name: pa.array([row[name] for row in rows], pa.timestamp("s")) for name in moments}
        | {name: pa.array([row[name] for row in rows], pa.int64()) for name in counts},
    )


def write_handoffs(rows: list[dict[str, Any]], folder: Path) -> None:
    """Accounts worth a call by the generator's own rule, and what Sales made of each."""
    texts = ("account_id", "tier", "owner_email", "response", "status")
    moments = ("qualified_at", "synced_at", "first_human_touch_at", "auto_response_at")
    _write(
        folder / "handoffs.parquet",
        {name: pa.array([row[name] for row in rows], pa.string()) for name in texts}
        | {name: pa.array([row[name] for row in rows], pa.timestamp("ms")) for name in moments}
        | {"has_paid": pa.array([row["has_paid"] for row in rows], pa.bool_())},
    )


def write_recognition(rows: list[tuple[str, date, int]], folder: Path) -> None:
    """What every billed line earned in every month, those to come included."""
    _write(
        folder / "recognition.parquet",
        {
            "invoice_line_id": pa.array([row[0] for row in rows], pa.string()),
            "month": pa.array([row[1] for row in rows], pa.date32()),
            "recognised_amount": _cents([row[2] for row in rows]),
        },
    )


def write_months(world: World, months: Months, folder: Path) -> None:
    flat = [
        (world.accounts[account].account_id, row)
        for account in sorted(months)
        for row in months[account]
    ]
    _write(
        folder / "mrr_months.parquet",
        {
            "account_id": pa.array([account for account, _ in flat], pa.string()),
            "month": pa.array([row["month"] for _, row in flat], pa.date32()),
            "opening_mrr": _cents([row["opening"] for _, row in flat]),
            **{f"{kind}_mrr": _cents([row[kind] for _, row in flat]) for kind in MOVEMENTS},
            "closing_mrr": _cents([row["closing"] for _, row in flat]),
        },
    )


def write_nrr(rows: list[dict[str, Any]], folder: Path) -> None:
    """Net revenue retention of the whole company, by month and window."""
    money = ("starting_mrr", "expansion_mrr", "contraction_mrr", "churn_mrr")
    _write(
        folder / "nrr.parquet",
        {
            "month": pa.array([row["month"] for row in rows], pa.date32()),
            "window_months": pa.array([row["window_months"] for row in rows], pa.int32()),
            "accounts": pa.array([row["accounts"] for row in rows], pa.int32()),
            **{name: pa.array([row[name] for row in rows], MONEY) for name in money},
            "nrr": pa.array([row["nrr"] for row in rows], pa.float64()),
        },
    )
