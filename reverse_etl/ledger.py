"""What is on record about syncs in the operations store: runs, records sent, ledger, dead letters.

An answer of a destination is written in one transaction: accepted records enter the ledger,
refused ones the dead letters, both the log of records sent. A crash between an answer and this
transaction costs nothing: the records are sent again, as upserts.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import duckdb
import pyarrow as pa

from reverse_etl.errors import Rejection
from reverse_etl.plan import LEFT_HASH, Plan, PlannedRecord
from reverse_etl.redact import redacted
from reverse_etl.specs import SyncSpec
from warehouse.ops import OpsStore, utc_now

RunStatus = Literal[
    "running", "succeeded", "partial", "failed", "stopped", "interrupted", "disabled", "planned"
]


@dataclass(frozen=True)
class Sent:
    """The final answer for one record of a run."""

    record: PlannedRecord
    fields: Mapping[str, Any]
    sent_at: datetime
    destination_id: str | None = None
    rejection: Rejection | None = None


@dataclass
class RunLog:
    """The record of one run of a sync."""

    ops: OpsStore
    spec: SyncSpec
    run_id: str
    started_at: datetime
    now: Callable[[], datetime] = field(default=utc_now)
    now_set: datetime | None = None
    """The pipeline's now where it stands still: when things were delivered, for the warehouse."""
    is_started: bool = False

    def start(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Note that the run began, and that earlier ones which never ended were interrupted.

        Called under the sync's lock: a run still marked as running cannot be alive.
        """
        connection.execute(
            "update sync_runs set status = 'interrupted', finished_at = ?, message = "
            "'the process ended before the run did; the next run completed its work' "
            "where sync_name = ? and status = 'running'",
            [self.now(), self.spec.name],
        )
        connection.execute(
            "insert into sync_runs (run_id, sync_name, destination, started_at, status) "
            "values (?, ?, ?, ?, 'running')",
            [self.run_id, self.spec.name, self.spec.destination, self.started_at],
        )
        self._remember_deliveries(connection)
        self.is_started = True

    def _remember_deliveries(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Of a sync that sent before it announced anything: what its log of records says."""
        if self.spec.announces is None:
            return
        connection.execute(
            "insert into sync_deliveries (sync_name, subject, destination, record_key, run_id, "
            "acknowledged_at, delivered_at) "
            "select sync_name, subject, $destination, record_key, run_id, sent_at, sent_at from "
            "(select *, json_extract_string(payload, $path) as subject from sync_records "
            "where sync_name = $sync and status = 'accepted' and operation <> 'delete') "
            "where subject is not null and not exists "
            "(select 1 from sync_deliveries where sync_name = $sync) "
            "qualify row_number() over (partition by subject order by sent_at, record_key) = 1",
            {
                "sync": self.spec.name,
                "destination": self.spec.destination,
                "path": f'$."{self.spec.announces}"',
            },
        )

    def counted(self, connection: duckdb.DuckDBPyConnection, plan: Plan) -> None:
        """Note the plan's counts, sent or not."""
        counts = plan.counts
        planned = [counts.creates, counts.updates, counts.deletes, counts.unchanged]
        connection.execute(
            "update sync_runs set planned_creates = ?, planned_updates = ?, "
            "planned_deletes = ?, planned_unchanged = ? where run_id = ? and sync_name = ?",
            [*planned, self.run_id, self.spec.name],
        )

    def planned(
        self, connection: duckdb.DuckDBPyConnection, plan: Plan, *, is_complete: bool
    ) -> None:
        """Note what is set out to be sent, and the history a first run leaves unsent; a complete
        plan also closes dead letters it does not send.

        Their row left the source, or came back to what the destination holds.
        """
        path = str(plan.path).replace("'", "''")
        connection.execute(f"attach '{path}' as scratch (read_only)")
        self._set_out(connection, is_complete=is_complete)
        connection.execute(
            "insert into sync_ledger (sync_name, record_key, payload_hash, payload, run_id, "
            "acknowledged_at, state) "
            "select ?, record_key, payload_hash, payload, ?, ?, 'noted' from scratch.noted",
            [self.spec.name, self.run_id, self.now()],
        )
        if not is_complete:
            connection.execute("detach scratch")
            return
        connection.execute(
            "update dead_letters set state = 'obsolete', last_seen_at = ? "
            "where sync_name = ? and state = 'open' "
            "and record_key not in (select record_key from scratch.planned)",
            [self.now(), self.spec.name],
        )
        connection.execute("detach scratch")

    def _set_out(self, connection: duckdb.DuckDBPyConnection, *, is_complete: bool) -> None:
        """Note, before the first call, what this run may write.

        The plan sends whatever an earlier run left in doubt, so these notes replace its own.
        """
        connection.begin()
        connection.execute(
            "delete from sync_in_flight where sync_name = $sync and ($all or record_key in "
            "(select record_key from scratch.planned))",
            {"sync": self.spec.name, "all": is_complete},
        )
        connection.execute(
            "insert into sync_in_flight select ?, record_key, ? from scratch.planned",
            [self.spec.name, self.run_id],
        )
        connection.commit()

    # bulk jobs ---------------------------------------------------------------------------

    def opened(self, job_id: str) -> None:
        """Note a job before it can take effect."""
        with self.ops.connection() as connection:
            connection.execute(
                "insert into sync_jobs values (?, ?, ?, ?)",
                [self.spec.name, job_id, self.run_id, self.now()],
            )

    def closed(self, job_id: str) -> None:
        """Note that a job has ended."""
        with self.ops.connection() as connection:
            connection.execute(
                "delete from sync_jobs where sync_name = ? and job_id = ?",
                [self.spec.name, job_id],
            )

    def jobs_left_behind(self) -> list[str]:
        """Jobs of earlier runs that nobody has seen to end."""
        with self.ops.connection() as connection:
            rows = connection.execute(
                "select job_id from sync_jobs where sync_name = ? and run_id <> ? "
                "order by opened_at",
                [self.spec.name, self.run_id],
            ).fetchall()
        return [job_id for (job_id,) in rows]

    def finish(
        self,
        status: RunStatus,
        message: str | None,
        *,
        accepted: int,
        rejected: int,
        api_calls: int,
        write_calls: int,
        answers: Sequence[Sent] = (),
        in_doubt: Collection[str] = (),
    ) -> None:
        """Note how the run ended, its last ``answers``, and the keys whose answer was lost."""
        with self.ops.transaction() as connection:
            if not self.is_started:
                self.start(connection)
            self._acknowledge(connection, answers)
            connection.execute(
                "delete from sync_in_flight where sync_name = ? and run_id = ? "
                "and not list_contains(?::varchar[], record_key)",
                [self.spec.name, self.run_id, list(in_doubt)],
            )
            connection.execute(
                "update sync_runs set status = ?, message = ?, finished_at = ?, accepted = ?, "
                "rejected = ?, api_calls = ?, write_calls = ? where run_id = ? and sync_name = ?",
                [
                    status,
                    redacted(message) if message else None,
                    self.now(),
                    accepted,
                    rejected,
                    api_calls,
                    write_calls,
                    self.run_id,
                    self.spec.name,
                ],
            )

    def acknowledge(self, answers: Sequence[Sent]) -> None:
        """Write answers: ledger, log and dead letters in one transaction."""
        with self.ops.transaction() as connection:
            self._acknowledge(connection, answers)

    def _acknowledge(self, connection: duckdb.DuckDBPyConnection, answers: Sequence[Sent]) -> None:
        if not answers:
            return
        at = self.now()
        kept = [a for a in answers if a.rejection is None and a.record.operation != "delete"]
        deleted = [a for a in answers if a.rejection is None and a.record.operation == "delete"]
        refused = [a for a in answers if a.rejection is not None]
        connection.register("log", _log_table(answers))
        connection.execute(
            "insert into sync_records (run_id, sync_name, record_key, operation, status, "
            "message, destination_id, sent_at, error_class, payload) "
            "select ?, ?, record_key, operation, status, message, destination_id, "
            "cast(sent_at as timestamp), error_class, payload from log",
            [self.run_id, self.spec.name],
        )
        if kept:
            connection.register("kept", _ledger_table(kept))
            connection.execute(
                "insert into sync_ledger (sync_name, record_key, payload_hash, payload, "
                "destination_id, run_id, acknowledged_at, state) "
                "select ?, record_key, payload_hash, payload, destination_id, ?, ?, state "
                "from kept "
                "on conflict (sync_name, record_key) do update set "
                "payload_hash = excluded.payload_hash, payload = excluded.payload, "
                "destination_id = excluded.destination_id, run_id = excluded.run_id, "
                "acknowledged_at = excluded.acknowledged_at, state = excluded.state",
                [self.spec.name, self.run_id, at],
            )
        if self.spec.announces is not None and kept:
            connection.register("told", _told_table(kept, self.spec.announces))
            connection.execute(
                "insert into sync_deliveries (sync_name, subject, destination, record_key, run_id, "
                "acknowledged_at, delivered_at) "
                "select ?, subject, ?, min(record_key), ?, min(cast(sent_at as timestamp)), "
                "coalesce(?, min(cast(sent_at as timestamp))) from told group by subject "
                "on conflict (sync_name, subject) do nothing",
                [self.spec.name, self.spec.destination, self.run_id, _naive_utc(self.now_set)],
            )
        if deleted:
            connection.register("deleted", _keys(deleted))
            connection.execute(
                "delete from sync_ledger where sync_name = ? "
                "and record_key in (select record_key from deleted)",
                [self.spec.name],
            )
        if kept or deleted:
            connection.register("accepted", _keys([*kept, *deleted]))
            connection.execute(
                "update dead_letters set state = 'resolved', last_seen_at = ? "
                "where sync_name = ? and state in ('open', 'dismissed') "
                "and record_key in (select record_key from accepted)",
                [at, self.spec.name],
            )
        if refused:
            connection.register("refused", _letters_table(refused))
            connection.execute(
                "insert into dead_letters (sync_name, record_key, run_id, operation, "
                "error_class, message, payload, payload_hash, attempts, first_seen_at, "
                "last_seen_at, state, next_action) "
                "select $sync, record_key, $run, operation, error_class, message, payload, "
                "payload_hash, 1, $at, $at, 'open', next_action from refused "
                "on conflict (sync_name, record_key) do update set "
                "run_id = excluded.run_id, operation = excluded.operation, "
                "error_class = excluded.error_class, message = excluded.message, "
                "payload = excluded.payload, payload_hash = excluded.payload_hash, "
                # a letter that was closed begins anew
                "attempts = case when dead_letters.state = 'open' "
                "then dead_letters.attempts + 1 else 1 end, "
                "first_seen_at = case when dead_letters.state = 'open' "
                "then dead_letters.first_seen_at else excluded.first_seen_at end, "
                "last_seen_at = excluded.last_seen_at, state = 'open', "
                "next_action = excluded.next_action",
                {"sync": self.spec.name, "run": self.run_id, "at": at},
            )


def _log_table(answers: Sequence[Sent]) -> pa.Table:
    rows = [
        {
            "record_key": a.record.record_key,
            "operation": a.record.operation,
            "status": "accepted" if a.rejection is None else "rejected",
            "message": a.rejection.message if a.rejection else None,
            "destination_id": a.destination_id,
            "error_class": a.rejection.error_class if a.rejection else None,
            "payload": json.dumps(dict(a.fields)),
            "sent_at": a.sent_at.isoformat(),
        }
        for a in answers
    ]
    names = ["record_key", "operation", "status", "message", "destination_id", "error_class"]
    return _table(rows, [*names, "payload", "sent_at"])


def _ledger_table(answers: Sequence[Sent]) -> pa.Table:
    rows = []
    for answer in answers:
        record = answer.record
        has_left = record.operation == "close"
        payload = {**record.acknowledged, **answer.fields} if has_left else record.payload
        rows.append(
            {
                "record_key": record.record_key,
                "payload_hash": LEFT_HASH if has_left else record.payload_hash,
                "payload": json.dumps(dict(payload)),
                "destination_id": answer.destination_id or record.destination_id,
                "state": "left" if has_left else "active",
            }
        )
    return _table(rows, ["record_key", "payload_hash", "payload", "destination_id", "state"])


def _told_table(answers: Sequence[Sent], announces: str) -> pa.Table:
    rows = [
        {
            "subject": str(subject),
            "record_key": a.record.record_key,
            "sent_at": a.sent_at.isoformat(),
        }
        for a in answers
        if (subject := a.fields.get(announces)) is not None
    ]
    return _table(rows, ["subject", "record_key", "sent_at"])


def _naive_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def _letters_table(answers: Sequence[Sent]) -> pa.Table:
    rows = []
    for answer in answers:
        assert answer.rejection is not None
        rows.append(
            {
                "record_key": answer.record.record_key,
                "operation": answer.record.operation,
                "error_class": answer.rejection.error_class,
                "message": redacted(answer.rejection.message),
                "payload": json.dumps(dict(answer.record.payload)),
                "payload_hash": answer.record.payload_hash,
                "next_action": answer.rejection.next_action,
            }
        )
    names = ["record_key", "operation", "error_class", "message", "payload", "payload_hash"]
    return _table(rows, [*names, "next_action"])


def _keys(answers: Sequence[Sent]) -> pa.Table:
    return _table([{"record_key": a.record.record_key} for a in answers], ["record_key"])


def _table(rows: list[dict[str, Any]], names: list[str]) -> pa.Table:
    return pa.table({n: pa.array([row[n] for row in rows], pa.string()) for n in names})
