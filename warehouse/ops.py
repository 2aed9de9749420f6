"""The operations store: what the pipeline knows about its own work (``HOME/ops.duckdb``).

Files read, rows refused, gate verdicts, syncs, the ledger of what destinations
acknowledged, alerts. It is a file of its own, so that a dashboard or a second process
never waits for the warehouse: every user opens it for a moment, writes and closes.

All timestamps are UTC ``TIMESTAMP``. Operational times (``…_at`` here) are wall clock;
*data* times follow ``Settings.now``.
"""

import hashlib
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

LOCK_TIMEOUT_SECONDS = 60.0
"""How long a user waits for another process to close the store."""


class OpsLocked(Exception):
    """The store stayed locked by another process for the whole time we were ready to wait."""


@dataclass(frozen=True)
class OpsTable:
    """A table of the store: its columns in order, and what makes a row unique."""

    comment: str
    columns: Mapping[str, str]
    key: tuple[str, ...] = field(default=())


# The schema in one place. A new column is a new line here: stores that exist get it by
# `alter table … add column if not exists` when they are next opened. Never rename or
# retype a column; the key of an existing table cannot change.
OPS_TABLES: Mapping[str, OpsTable] = {
    "ingest_files": OpsTable(
        "One row per version of a landed file: rows read = accepted + quarantined + duplicate.",
        {
            "file_id": "VARCHAR",
            "path": "VARCHAR",
            "dataset": "VARCHAR",
            "sha256": "VARCHAR",
            "size_bytes": "BIGINT",
            "load_id": "BIGINT",
            "rows_read": "BIGINT",
            "rows_accepted": "BIGINT",
            "rows_quarantined": "BIGINT",
            "rows_duplicate": "BIGINT",
            "status": "VARCHAR",  # loaded, superseded, withdrawn; refused: nothing could be read
            "message": "VARCHAR",  # why a file was refused
            "first_received_date": "DATE",
            "last_received_date": "DATE",
            "modified_at": "TIMESTAMP",
            "loaded_at": "TIMESTAMP",
        },
        key=("file_id",),
    ),
    "quarantine": OpsTable(
        "One row per refused row of a file, with the reason's code and the raw text.",
        {
            "file_id": "VARCHAR",
            "path": "VARCHAR",
            "dataset": "VARCHAR",
            "line_number": "BIGINT",
            "reason": "VARCHAR",
            "detail": "VARCHAR",
            "raw": "VARCHAR",
            "load_id": "BIGINT",
            "quarantined_at": "TIMESTAMP",
        },
    ),
    "event_findings": OpsTable(
        "One row per fault of the instrumentation ever found: names, properties, types.",
        {
            "finding": "VARCHAR",  # vague_name, not_object_action, unregistered, twin_name, …
            "event_name": "VARCHAR",
            "subject": "VARCHAR",  # the property or the twin; '' for the name itself
            "observed": "VARCHAR",
            "expected": "VARCHAR",
            "count_events": "BIGINT",
            "share_pct": "DECIMAL(5,2)",
            "first_event_at": "TIMESTAMP",
            "last_event_at": "TIMESTAMP",
            "example_message_id": "VARCHAR",
            "state": "VARCHAR",  # open, resolved
            "first_found_at": "TIMESTAMP",
            "last_found_at": "TIMESTAMP",
            "resolved_at": "TIMESTAMP",
        },
        key=("finding", "event_name", "subject", "observed"),
    ),
    "event_coverage": OpsTable(
        "One row per day and category: share of the registered events seen in the last 7 days.",
        {
            "as_of_date": "DATE",
            "category": "VARCHAR",  # all, or a category of the registry
            "count_registered": "BIGINT",
            "count_seen": "BIGINT",
            "coverage_pct": "DECIMAL(5,1)",
            "verdict": "VARCHAR",  # good, enough, too_little
            "checked_at": "TIMESTAMP",
        },
        key=("as_of_date", "category"),
    ),
    "gate_results": OpsTable(
        "One row per expectation and run of a gate.",
        {
            "gate_run_id": "VARCHAR",
            "gate": "VARCHAR",
            "expectation": "VARCHAR",
            "asset": "VARCHAR",
            "severity": "VARCHAR",  # blocking, warning
            "passed": "BOOLEAN",
            "observed": "VARCHAR",
            "expected": "VARCHAR",
            "failing_rows": "BIGINT",
            "sample": "VARCHAR",
            "owner": "VARCHAR",
            "reason": "VARCHAR",
            "checked_at": "TIMESTAMP",
        },
    ),
    "gate_verdicts": OpsTable(
        "One row per run of a gate: its verdict on one version of the data.",
        {
            "gate_run_id": "VARCHAR",
            "gate": "VARCHAR",
            "passed": "BOOLEAN",
            "count_blocking_failed": "BIGINT",
            "count_warnings": "BIGINT",
            "data_version": "VARCHAR",
            "max_load_id": "BIGINT",
            "duration_seconds": "DOUBLE",
            "checked_at": "TIMESTAMP",
        },
    ),
    "sync_runs": OpsTable(
        "One row per run of a sync.",
        {
            "run_id": "VARCHAR",
            "sync_name": "VARCHAR",
            "destination": "VARCHAR",
            "started_at": "TIMESTAMP",
            "finished_at": "TIMESTAMP",
            "status": "VARCHAR",
            "message": "VARCHAR",
            "planned_creates": "BIGINT",
            "planned_updates": "BIGINT",
            "planned_deletes": "BIGINT",
            "planned_unchanged": "BIGINT",
            "accepted": "BIGINT",
            "rejected": "BIGINT",
            "api_calls": "BIGINT",
            "write_calls": "BIGINT",
        },
        key=("run_id", "sync_name"),
    ),
    "sync_releases": OpsTable(
        "One row per run a person let pass although the circuit breaker had stopped it.",
        {
            "run_id": "VARCHAR",
            "sync_name": "VARCHAR",
            "released_by": "VARCHAR",
            "reason": "VARCHAR",
            "stopped_because": "VARCHAR",
            "released_at": "TIMESTAMP",
        },
        key=("run_id", "sync_name"),
    ),
    "sync_reconciliations": OpsTable(
        "One row per reading of a destination: how many records were compared, how many differed.",
        {
            "reconciliation_id": "VARCHAR",
            "sync_name": "VARCHAR",
            "records": "BIGINT",
            "records_differing": "BIGINT",
            "records_missing": "BIGINT",
            "api_calls": "BIGINT",
            "read_at": "TIMESTAMP",
        },
        key=("reconciliation_id",),
    ),
    "sync_drift": OpsTable(
        "One row per field the last reading found to be other than what was acknowledged.",
        {
            "sync_name": "VARCHAR",
            "record_key": "VARCHAR",
            "field": "VARCHAR",  # null: the record is not there any more
            "ours": "JSON",
            "theirs": "JSON",
            "on_drift": "VARCHAR",  # overwrite, keep: what the next run does
            "reconciliation_id": "VARCHAR",
            "read_at": "TIMESTAMP",
        },
    ),
    "sync_records": OpsTable(
        "One row per record sent in a run of a sync.",
        {
            "run_id": "VARCHAR",
            "sync_name": "VARCHAR",
            "record_key": "VARCHAR",
            "operation": "VARCHAR",
            "status": "VARCHAR",
            "message": "VARCHAR",
            "destination_id": "VARCHAR",
            "sent_at": "TIMESTAMP",
            "error_class": "VARCHAR",
            "payload": "JSON",  # the fields that were sent
        },
    ),
    "dead_letters": OpsTable(
        "One row per record a destination refused.",
        {
            "sync_name": "VARCHAR",
            "record_key": "VARCHAR",
            "run_id": "VARCHAR",
            "operation": "VARCHAR",
            "error_class": "VARCHAR",
            "message": "VARCHAR",
            "payload": "JSON",
            "payload_hash": "VARCHAR",
            "attempts": "BIGINT",
            "first_seen_at": "TIMESTAMP",
            "last_seen_at": "TIMESTAMP",
            "state": "VARCHAR",  # open, dismissed, resolved, obsolete (the row is gone)
            "next_action": "VARCHAR",
        },
        key=("sync_name", "record_key"),
    ),
    "sync_in_flight": OpsTable(
        "One row per record a run has set out to send: what a killed run may have written.",
        {
            "sync_name": "VARCHAR",
            "record_key": "VARCHAR",
            "run_id": "VARCHAR",
        },
    ),
    "sync_jobs": OpsTable(
        "One row per bulk job of a destination that has not been seen to end.",
        {
            "sync_name": "VARCHAR",
            "job_id": "VARCHAR",
            "run_id": "VARCHAR",
            "opened_at": "TIMESTAMP",
        },
    ),
    "sync_ledger": OpsTable(
        "One row per record a destination acknowledged: its last accepted content.",
        {
            "sync_name": "VARCHAR",
            "record_key": "VARCHAR",
            "payload_hash": "VARCHAR",
            "payload": "JSON",
            "destination_id": "VARCHAR",
            "run_id": "VARCHAR",
            "acknowledged_at": "TIMESTAMP",
            # active; left: the row left the source and was marked so; noted: never sent, it was
            # there on the first run of a sync with `first_run: note`
            "state": "VARCHAR",
        },
        key=("sync_name", "record_key"),
    ),
    "sync_deliveries": OpsTable(
        "One row per thing a sync announces (`announces` of its spec): its first acknowledgement.",
        {
            "sync_name": "VARCHAR",
            "subject": "VARCHAR",  # for example the id of a hand-off
            "destination": "VARCHAR",
            "record_key": "VARCHAR",
            "run_id": "VARCHAR",
            "acknowledged_at": "TIMESTAMP",
            # the same in the pipeline's time: another where its now is set (PLG_AS_OF, the demo)
            "delivered_at": "TIMESTAMP",
        },
        key=("sync_name", "subject"),
    ),
    "alerts": OpsTable(
        "One row per incident (and per recovery): repeats are folded while it is open.",
        {
            "alert_id": "VARCHAR",
            "key": "VARCHAR",
            "kind": "VARCHAR",
            "severity": "VARCHAR",
            "title": "VARCHAR",
            "body": "VARCHAR",
            "run_url": "VARCHAR",
            "created_at": "TIMESTAMP",
            "last_seen_at": "TIMESTAMP",
            "repeats": "BIGINT",
            "attempts": "BIGINT",
            "attempting_since": "TIMESTAMP",  # a process is delivering it
            "error": "VARCHAR",
            "delivered_at": "TIMESTAMP",
            "resolved_at": "TIMESTAMP",
        },
        key=("alert_id",),
    ),
}


def utc_now() -> datetime:
    """The wall clock as naive UTC, as DuckDB's ``TIMESTAMP`` holds it."""
    return datetime.now(UTC).replace(tzinfo=None)


# DuckDB has no error class of its own for these; the texts are those of 2.0
_LOCKED = re.compile(
    r"could not set lock on file|already attached by database|unique file handle conflict"
    r"|different configuration than existing connections",
    re.IGNORECASE,
)


def is_lock_error(error: BaseException) -> bool:
    """True where waiting helps: the file is open elsewhere, in another process or mode."""
    return isinstance(error, duckdb.Error) and bool(_LOCKED.search(str(error)))


def retry_while_locked(timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> Retrying:
    """A tenacity ``Retrying`` for opening or attaching a DuckDB file others may hold.

    ``for attempt in retry_while_locked(): with attempt: …`` raises DuckDB's own error
    once ``timeout_seconds`` are over.
    """
    return Retrying(
        retry=retry_if_exception(is_lock_error),
        wait=wait_random_exponential(multiplier=0.02, max=1.0),
        stop=stop_after_delay(timeout_seconds),
        reraise=True,
    )


class OpsStore:
    """The store at ``path``; safe to use from several threads and processes.

    Nothing is opened until :meth:`connection`, which also creates the file and brings
    its tables up to date.
    """

    def __init__(self, path: Path | str, lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS):
        self.path = Path(path)
        self.lock_timeout_seconds = lock_timeout_seconds

    def create(self) -> None:
        """Make sure the file and its tables are there."""
        with self.connection():
            pass

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-write connection, closed (and the file released) at the end of the block.

        Keep the block short: no HTTP call, no heavy query inside. Raises `OpsLocked`
        when another process does not let go in time.
        """
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """As :meth:`connection`, all or nothing: committed at the end, rolled back on error."""
        with self.connection() as connection:
            connection.begin()
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def _open(self) -> duckdb.DuckDBPyConnection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            for attempt in retry_while_locked(self.lock_timeout_seconds):
                with attempt:
                    connection = duckdb.connect(str(self.path))
        except duckdb.Error as error:
            if not is_lock_error(error):
                raise
            raise OpsLocked(
                f"{self.path} stayed locked for {self.lock_timeout_seconds:g} s. Another process "
                f"has it open: close it (or end it), then run again. DuckDB says: {error}"
            ) from error
        try:
            with _SCHEMA_CHANGE:  # threads that meet a new store: one creates, the rest find it
                _bring_up_to_date(connection)
        except BaseException:
            connection.close()
            raise
        return connection


_SCHEMA_CHANGE = threading.Lock()


def _bring_up_to_date(connection: duckdb.DuckDBPyConnection) -> None:
    """Create missing tables, add missing columns; nothing is written when all is there."""
    with suppress(duckdb.CatalogException):
        known = connection.execute("select fingerprint from internal.schema_version").fetchone()
        if known == (_SCHEMA_FINGERPRINT,):
            return
    present: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "select table_name, column_name from duckdb_columns() "
        "where database_name = current_database() and schema_name = 'main'"
    ).fetchall():
        present.setdefault(table, set()).add(column)
    for name, table in OPS_TABLES.items():
        if name not in present:
            connection.execute(_create_statement(name, table))
            comment = table.comment.replace("'", "''")
            connection.execute(f"comment on table {name} is '{comment}'")
        for column, type_name in table.columns.items():
            if name in present and column not in present[name]:
                connection.execute(
                    f'alter table {name} add column if not exists "{column}" {type_name}'
                )
    connection.execute("create schema if not exists internal")
    connection.execute("create or replace table internal.schema_version (fingerprint varchar)")
    connection.execute("insert into internal.schema_version values (?)", [_SCHEMA_FINGERPRINT])


def _create_statement(name: str, table: OpsTable) -> str:
    parts = [f'"{column}" {type_name}' for column, type_name in table.columns.items()]
    if table.key:
        parts.append(f"primary key ({', '.join(table.key)})")
    return f"create table if not exists {name} ({', '.join(parts)})"


_SCHEMA_FINGERPRINT = hashlib.sha256(
    "\n".join(_create_statement(name, table) for name, table in OPS_TABLES.items()).encode()
).hexdigest()[:16]
