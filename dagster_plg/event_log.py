"""Dagster's SQLite event log, with its connections kept open.

`SqliteEventLogStorage` opens a file, begins, commits with a sync to disk and closes again for
each event; a run writes some 1,300 events, and that was a fifth of a small run's time. Here
each of the files used last keeps one connection, and a commit waits for the disk only at a
checkpoint of the write-ahead log (``synchronous = NORMAL``: a power cut may lose the last
events of a run, and never damages the file). What an event writes is one transaction a file, and
so are events told `together`. The files stay the same: any Dagster process can read them.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from dagster import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS

_FILES_KEPT_OPEN = 8  # the index and the runs a process works on or shows


class KeptOpenEventLogStorage(SqliteEventLogStorage):
    """The default event log storage; configured in ``HOME/dagster/dagster.yaml``."""

    @classmethod
    def from_config_value(cls, inst_data, config_value) -> "KeptOpenEventLogStorage":
        return cls(inst_data=inst_data, **config_value)

    def __init__(self, *args, **kwargs) -> None:
        self._lock = threading.RLock()  # Dagster's own is not taken twice by one thread
        self._depth = 0
        self._writing: dict[str, tuple[sa.Connection, int]] = {}
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
        with self._transaction():
            super().store_event(event)

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
