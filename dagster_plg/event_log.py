"""Dagster's SQLite event log, with its connections kept open.

`SqliteEventLogStorage` opens a file, begins, commits with a sync to disk and closes again for
each event; a run writes some 1,300 events, and that was a fifth of a small run's time. Here
each of the files used last keeps one connection, and a commit waits for the disk only at a
checkpoint of the write-ahead log (``synchronous = NORMAL``: a power cut may lose the last
events of a run, and never damages the file). What an event writes is one transaction a file, and
so are events told `together`. The files stay the same: any Dagster process can read them.

What is written is what Dagster writes, in fewer words: SQLAlchemy puts a statement together anew
for each row, an event is turned into text up to three times, and every known asset is first
inserted in vain. `tests/dagster_plg/test_event_log.py` compares the files with Dagster's own.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from dagster import AssetKey, EventLogEntry, EventLogRecord
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    DagsterEventType,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import deserialize_value

_FILES_KEPT_OPEN = 8  # the index and the runs a process works on or shows
_OF_ALL_RUNS = {*ASSET_EVENTS, *ASSET_CHECK_EVENTS, *EVENT_TYPE_TO_PIPELINE_RUN_STATUS}


class KeptOpenEventLogStorage(SqliteEventLogStorage):
    """The default event log storage; configured in ``HOME/dagster/dagster.yaml``."""

    @classmethod
    def from_config_value(cls, inst_data, config_value) -> "KeptOpenEventLogStorage":
        return cls(inst_data=inst_data, **config_value)

    def __init__(self, *args, **kwargs) -> None:
        self._lock = threading.RLock()  # Dagster's own is not taken twice by one thread
        self._depth = 0
        self._writing: dict[str, tuple[sa.Connection, int]] = {}
        self._records: dict[str, tuple[str, EventLogRecord]] = {}  # by asset, and as text
        super().__init__(*args, **kwargs)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._transaction():
            engine = self._engine(shard)
            if shard not in self._writing:
                connection = engine.connect()
                connection.begin()
                changes = connection.connection.driver_connection.total_changes
                self._writing[shard] = connection, changes
            yield self._writing[shard][0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is stored inside is one transaction a file: for many events at once, not for long,
        because no other process can store anything meanwhile. An error undoes nothing."""
        with self._transaction(is_kept=True):
            yield

    @contextmanager
    def _transaction(self, is_kept: bool = False) -> Iterator[None]:
        """Of transactions inside one another the outermost counts, with whether it is kept where
        an error ends it."""
        with self._lock:
            self._depth += 1
            try:
                yield
            except BaseException:
                if self._depth == 1 and not is_kept:
                    self._end(sa.Connection.rollback)
                raise
            finally:
                self._depth -= 1
                if not self._depth:
                    self._end(sa.Connection.commit)

    def _end(self, how: Callable[[sa.Connection], None]) -> None:
        while self._writing:
            shard, (connection, changes_before) = self._writing.popitem()
            with connection:
                changes = connection.connection.driver_connection.total_changes
                how(connection)
            if changes != changes_before:
                # what follows a run live watches this file, and the log beside it took the change
                os.utime(self.path_for_shard(shard))

    def store_event(self, event: EventLogEntry) -> None:
        row = self._event_to_row(event)
        with self._transaction():
            self._insert(event.run_id, row)
            kind = event.dagster_event_type
            if kind in _OF_ALL_RUNS:
                event_id = self._insert("index", row)
                if kind in ASSET_EVENTS:
                    self._note_asset(event, event_id, row["event"])
                elif kind in ASSET_CHECK_EVENTS:
                    self._note_check(event, event_id, row["event"])

    def _insert(self, shard: str, row: Mapping[str, Any]) -> int:
        with self._connect(shard) as connection:
            return _run(connection, *_insertion("event_logs", row)).lastrowid

    def _note_asset(self, event: EventLogEntry, event_id: int, text: str) -> None:
        with self._connect("index") as connection:
            self._store_asset_event_tags(connection, [event], [event_id])
            values = {"last_run_id": event.run_id, "last_materialization_timestamp": _at(event)}
            if event.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION:
                values["last_materialization"] = record = _record_text(event_id, text)
                self._records[event.dagster_event.asset_key.to_string()] = (
                    record,
                    EventLogRecord(event_id, event),
                )
            elif event.dagster_event_type != DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
                return self._store_asset_event(connection, event, event_id)
            key = event.dagster_event.asset_key.to_string()
            if not _run(connection, *_update("asset_keys", values, {"asset_key": key})).rowcount:
                _run(connection, *_insertion("asset_keys", {"asset_key": key, **values}))

    def _note_check(self, event: EventLogEntry, event_id: int, text: str) -> None:
        said = event.dagster_event.event_specific_data
        is_planned = event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
        if not event.run_id or (said.partitions_subset if is_planned else said.partition):
            return self.store_asset_check_event(event, event_id)
        statuses = AssetCheckExecutionRecordStatus
        check = {
            "asset_key": said.asset_key.to_string(),
            "check_name": said.check_name,
            "partition": None,
            "run_id": event.run_id,
        }
        values = {
            "evaluation_event": text,
            "evaluation_event_timestamp": _at(event),
            "evaluation_event_storage_id": event_id,
        }
        with self._connect("index") as connection:
            if is_planned:
                status = {"execution_status": statuses.PLANNED.value}
                _run(connection, *_insertion("asset_check_executions", check | status | values))
                return
            target = said.target_materialization_data
            values |= {
                "execution_status": (statuses.SUCCEEDED if said.passed else statuses.FAILED).value,
                "materialization_event_storage_id": target.storage_id if target else None,
            }
            if not _run(connection, *_update("asset_check_executions", values, check)).rowcount:
                _run(connection, *_insertion("asset_check_executions", check | values))

    def _get_latest_materialization_records(
        self, raw_asset_rows: Iterable[Mapping[str, Any]]
    ) -> Mapping[AssetKey, EventLogRecord | None]:
        """Asked with every asset for those it is made from, most of them stored a moment ago; of
        wiped assets, and of what old versions stored, Dagster's own search."""
        rows = list(raw_asset_rows)
        found = {}
        for row in rows:
            text, record = self._records.get(row["asset_key"], (None, None))
            if not row["last_materialization"] or row["asset_details"]:
                return super()._get_latest_materialization_records(rows)
            if row["last_materialization"] != text:
                record = deserialize_value(row["last_materialization"])
            if not isinstance(record, EventLogRecord):
                return super()._get_latest_materialization_records(rows)
            found[AssetKey.from_db_string(row["asset_key"])] = record
        return found

    def _has_asset_key_col_on_connection(self, conn: sa.Connection, column_name: str) -> bool:
        """Asked with every event of an asset; a column once there stays."""
        found = self.__dict__.setdefault("_columns_found", set())
        if column_name not in found and super()._has_asset_key_col_on_connection(conn, column_name):
            found.add(column_name)
        return column_name in found

    def _engine(self, shard: str) -> sa.Engine:
        """The engine of a run's file, or of the index's; the lock must be held."""
        # SQLite's connections do not survive a fork
        if self.__dict__.get("_engines_of_process") != os.getpid():
            self._engines: OrderedDict[str, sa.Engine] = OrderedDict()
            self._engines_of_process = os.getpid()
        path = self.path_for_shard(shard)
        if shard in self._engines and not os.path.exists(path):  # noqa: PTH110
            self._engines.pop(shard).dispose()  # wiped: the file is made anew
            self._initialized_dbs.discard(shard)
        if shard not in self._engines:
            engine = sa.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=sa.StaticPool,
                connect_args={
                    "timeout": SQLITE_BUSY_TIMEOUT_SECONDS,
                    "check_same_thread": False,  # the storage's lock lets in one at a time
                },
            )
            sa.event.listen(engine, "connect", _sync_at_checkpoints)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            self._engines[shard] = engine
            while len(self._engines) > _FILES_KEPT_OPEN:
                self._engines.popitem(last=False)[1].dispose()
        self._engines.move_to_end(shard)
        return self._engines[shard]

    def has_table(self, table_name: str) -> bool:
        """Asked with every event of an asset or a check; a table once there stays."""
        found = self.__dict__.setdefault("_tables_found", set())
        if table_name not in found and super().has_table(table_name):
            found.add(table_name)
        return table_name in found

    def has_secondary_index(self, name: str) -> bool:
        """Asked with every event of an asset; a migration once done stays."""
        found = self.__dict__.setdefault("_migrations_found", set())
        if name not in found and super().has_secondary_index(name):
            found.add(name)
        return name in found

    def dispose(self) -> None:
        with self._lock:
            for engine in self.__dict__.get("_engines", {}).values():
                engine.dispose()
            self._engines = OrderedDict()
        super().dispose()


def _sync_at_checkpoints(connection, _record) -> None:
    connection.execute("pragma synchronous = normal")


def _run(connection: sa.Connection, sql: str, values: tuple) -> sa.CursorResult:
    return connection.exec_driver_sql(sql, values)


def _insertion(table: str, row: Mapping[str, Any]) -> tuple[str, tuple]:
    marks = ", ".join("?" * len(row))
    return f"insert into {table} ({', '.join(row)}) values ({marks})", _driven(row)


def _update(table: str, values: Mapping[str, Any], where: Mapping[str, Any]) -> tuple[str, tuple]:
    given = ", ".join(f"{name} = ?" for name in values)
    known = {name: value for name, value in where.items() if value is not None}
    conditions = [f"{name} = ?" if name in known else f"{name} is null" for name in where]
    return (
        f"update {table} set {given} where {' and '.join(conditions)}",
        _driven(values) + _driven(known),
    )


def _driven(row: Mapping[str, Any]) -> tuple:
    """The values as SQLAlchemy gives them to SQLite."""
    return tuple(
        value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value
        for value in row.values()
    )


def _at(event: EventLogEntry) -> datetime:
    return datetime.fromtimestamp(event.timestamp, UTC)


def _record_text(event_id: int, text: str) -> str:
    """An `EventLogRecord` as Dagster writes it, the text of its event being known."""
    return f'{{"__class__": "EventLogRecord", "event_log_entry": {text}, "storage_id": {event_id}}}'
