"""The circuit breaker: a plan that looks wrong is not sent until a person has looked at it.

It trips where the source is empty although records were synced, where a plan would create, change
or delete more than a set share of what is synced, and where the values of a score are spread
otherwise than those the destination holds: by the Kolmogorov–Smirnov distance, the largest
difference between the two cumulative shares, 0 to 1. What a few records do says nothing: below
``least`` of them nothing trips. A first load is no jump; it is over once a run has ended.

A person lets a plan pass with ``plg sync release``: once, on record, and only the plan that was
stopped. One that has grown since is another, and is stopped again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from reverse_etl.errors import SyncError
from reverse_etl.specs import SyncSpec

GROWN = 1.1
"""A released plan may send a tenth more of anything than the one that was stopped."""


@dataclass(frozen=True)
class Planned:
    """How many records a plan would send, by what it does with them."""

    create: int
    update: int
    delete: int


@dataclass(frozen=True)
class Release:
    """A person's word that a stopped plan is right."""

    by: str
    reason: str


def why_stopped(
    connection: duckdb.DuckDBPyConnection, spec: SyncSpec, source_rows: int, planned: Planned
) -> list[str]:
    """Why a plan should not be sent, a sentence each; empty where it may.

    ``connection`` is the operations store with the plan's scratch file attached as ``scratch``,
    its ``source_rows`` still there.
    """
    synced = connection.execute(
        "select count(*) from sync_ledger where sync_name = ? "
        "and coalesce(state, 'active') = 'active'",
        [spec.name],
    ).fetchone()[0]
    if not source_rows and synced and spec.empty_source == "stop":
        return [f"{spec.source} is empty, but {synced:,} record(s) were synced earlier"]
    limits = spec.breaker
    if not synced or not _was_loaded(connection, spec):
        return []
    reasons = []
    for operation, share in (
        ("create", limits.create), ("update", limits.update), ("delete", limits.delete),
    ):  # fmt: skip
        count = getattr(planned, operation)
        if share is not None and count >= limits.least and count > share * synced:
            reasons.append(
                f"it would {operation} {count:,} records, {count / synced:.0%} of the {synced:,} "
                f"that are synced; the limit is {share:.0%}"
            )
    if limits.score is not None and min(synced, source_rows) >= limits.least:
        distance = _distance(connection, spec, limits.score)
        if distance > limits.score_jump:
            reasons.append(
                f"{limits.score} jumped: its distribution is {distance:.2f} away from the one the "
                f"destination holds (Kolmogorov–Smirnov); the limit is {limits.score_jump:.2f}"
            )
    return reasons


def require_stopped(connection: duckdb.DuckDBPyConnection, spec: SyncSpec) -> Planned:
    """What the last run of the sync would have sent; `SyncError` where it was not stopped."""
    last = connection.execute(
        "select status, planned_creates, planned_updates, planned_deletes from sync_runs "
        "where sync_name = ? order by started_at desc, finished_at desc limit 1",
        [spec.name],
    ).fetchone()
    if last is None or last[0] != "stopped":
        found = "it never ran" if last is None else f"its last run {last[0]}"
        raise SyncError(
            f"sync {spec.name} has nothing to release: {found}. `plg sync {spec.name}` runs it"
        )
    return Planned(*(count or 0 for count in last[1:]))


def has_grown(spec: SyncSpec, seen: Planned, planned: Planned) -> str | None:
    """How a plan goes beyond the one that a person saw; None where it does not."""
    grown = [
        f"{now:,} to {operation} (was {getattr(seen, operation):,})"
        for operation, now in vars(planned).items()
        if now > getattr(seen, operation) * GROWN + spec.breaker.least / 10
    ]
    return f"the plan has grown since it was stopped: {', '.join(grown)}" if grown else None


def note_release(
    connection: duckdb.DuckDBPyConnection,
    spec: SyncSpec,
    run_id: str,
    release: Release,
    reasons: Sequence[str],
    at: datetime,
) -> None:
    """Write down who let which run pass, and why."""
    connection.execute(
        "insert into sync_releases values (?, ?, ?, ?, ?, ?)",
        [run_id, spec.name, release.by, release.reason, "; ".join(reasons) or None, at],
    )


def _was_loaded(connection: duckdb.DuckDBPyConnection, spec: SyncSpec) -> bool:
    """Whether a run of the sync ever came to its end: a first load cut short is still one."""
    (found,) = connection.execute(
        "select exists (select 1 from sync_runs where sync_name = ? "
        "and status in ('succeeded', 'partial'))",
        [spec.name],
    ).fetchone()
    return found


def _distance(connection: duckdb.DuckDBPyConnection, spec: SyncSpec, field: str) -> float:
    """Kolmogorov–Smirnov distance of a field, source against ledger; no value is the least one."""
    (distance,) = connection.execute(
        """
        with

        found as (
            select json_extract_string(payload, $path) as value, 1 as ours, 0 as theirs
            from scratch.source_rows
            union all
            select json_extract_string(payload, $path), 0, 1
            from sync_ledger
            where sync_name = $sync and coalesce(state, 'active') = 'active'
        ),

        by_value as (
            select
                coalesce(try_cast(value as double), '-infinity'::double) as value,
                sum(ours) as ours,
                sum(theirs) as theirs
            from found
            group by all
        ),

        cumulated as (
            select
                sum(ours) over (order by value) / sum(ours) over () as share_ours,
                sum(theirs) over (order by value) / sum(theirs) over () as share_theirs
            from by_value
        )

        select max(abs(share_ours - share_theirs)) from cumulated
        """,
        {"path": f'$."{field}"', "sync": spec.name},
    ).fetchone()
    return round(distance or 0.0, 9)
