"""What a mocked system remembers, in one SQLite file: records, their history, calls, errors.

Records are JSON objects keyed by object and id; values that must be unique have an
index table, so a duplicate is found as the real system finds it. The store knows nothing
of any vendor's rules.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from warehouse.settings import Settings

_TABLES = """
create table if not exists records (
    object text not null, id text not null, fields text not null,
    created_at text not null, updated_at text not null, is_deleted integer not null default 0,
    primary key (object, id)
);
create table if not exists unique_values (
    object text not null, field text not null, value text not null collate nocase, id text not null,
    primary key (object, field, value)
);
create index if not exists unique_values_of_record on unique_values (object, id, field);
create table if not exists changes (
    change_id integer primary key, object text not null, id text not null, changed_at text not null,
    operation text not null, fields text not null
);
create index if not exists changes_of_record on changes (object, id, change_id);
create table if not exists calls (
    call_id integer primary key, called_at text not null, method text not null, path text not null,
    status integer not null, is_write integer not null, records integer not null,
    refused integer not null, duration_ms real not null, note text
);
create table if not exists errors (
    error_id integer primary key, occurred_at text not null, object text, record text,
    code text not null, message text not null
);
create table if not exists messages (
    message_id integer primary key, received_at text not null, channel text, text text,
    payload text not null
);
create table if not exists meta (key text primary key, value text not null);
"""


@dataclass(frozen=True)
class Record:
    """A stored record: its fields as the system holds them, and its life cycle."""

    object: str
    id: str
    fields: Mapping[str, Any]
    created_at: str
    updated_at: str
    is_deleted: bool


def iso_now() -> str:
    """The wall clock as the vendors write it: ``2026-01-31T12:00:00.000Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def dump(value: Any) -> str:
    """JSON text as stored: readable and searchable; half a surrogate pair stays escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() or _encodes(text) else json.dumps(value)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Store:
    """A SQLite file; one writer (the server's event loop). Call `commit` once per request."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.execute("pragma journal_mode = wal")
        self.db.execute("pragma synchronous = normal")
        self.db.executescript(_TABLES)
        self.db.create_function("casefold", 1, lambda text: text.casefold() if text else text)

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; a nested block is a savepoint of the outer one."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.db.execute("rollback")
            raise
        self.db.execute("commit")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did when it raises, and nothing else."""
        self.db.execute("savepoint record_change")
        try:
            yield
        except BaseException:
            self.db.execute("rollback to record_change")
            self.db.execute("release record_change")
            raise
        self.db.execute("release record_change")

    # records -------------------------------------------------------------------------

    def next_number(self, name: str, start: int = 1) -> int:
        """1, 2, 3 … per name; survives restarts."""
        row = self.db.execute("select value from meta where key = ?", (name,)).fetchone()
        number = int(row[0]) + 1 if row else start
        self.db.execute("insert or replace into meta values (?, ?)", (name, str(number)))
        return number

    def document(self, name: str) -> Any:
        """What was kept under this name by `keep_document`; None where nothing was."""
        row = self.db.execute("select value from meta where key = ?", (f"doc:{name}",)).fetchone()
        return json.loads(row[0]) if row else None

    def keep_document(self, name: str, value: Any) -> None:
        self.db.execute(
            "insert or replace into meta values (?, ?)", (f"doc:{name}", json.dumps(value))
        )

    def get(self, object_name: str, record_id: str, with_deleted: bool = False) -> Record | None:
        row = self.db.execute(
            "select object, id, fields, created_at, updated_at, is_deleted from records "
            "where object = ? and id = ?",
            (object_name, record_id),
        ).fetchone()
        if row is None or (row[5] and not with_deleted):
            return None
        return _record(row)

    def find_unique(self, object_name: str, field: str, value: str) -> str | None:
        """The id of the record that holds this value in a unique field."""
        row = self.db.execute(
            "select id from unique_values where object = ? and field = ? and value = ?",
            (object_name, field, value),
        ).fetchone()
        return row[0] if row else None

    def put(
        self,
        object_name: str,
        record_id: str,
        fields: Mapping[str, Any],
        *,
        unique_fields: Iterable[str] = (),
        operation: str,
        changed: Mapping[str, tuple[Any, Any]],
        at: str | None = None,
        created_at: str | None = None,
        updated_at: str | None = None,
        is_deleted: bool = False,
        with_history: bool = True,
    ) -> None:
        """Write the record whole, with its unique values and a line of history."""
        at = at or iso_now()
        self.db.execute(
            "insert into records values (?, ?, ?, ?, ?, ?) on conflict (object, id) do update set "
            "fields = excluded.fields, updated_at = excluded.updated_at, "
            "is_deleted = excluded.is_deleted",
            (
                object_name,
                record_id,
                dump(fields),
                created_at or at,
                updated_at or at,
                int(is_deleted),
            ),
        )
        for field in unique_fields:
            self.db.execute(
                "delete from unique_values where object = ? and field = ? and id = ?",
                (object_name, field, record_id),
            )
            value = fields.get(field)
            if value not in (None, "") and not is_deleted:
                self.db.execute(
                    "insert into unique_values values (?, ?, ?, ?)",
                    (object_name, field, str(value), record_id),
                )
        if with_history:
            self.db.execute(
                "insert into changes (object, id, changed_at, operation, fields) "
                "values (?, ?, ?, ?, ?)",
                (object_name, record_id, at, operation, dump(changed)),
            )

    def count(self, object_name: str) -> int:
        query = "select count(*) from records where object = ? and not is_deleted"
        return self.db.execute(query, (object_name,)).fetchone()[0]

    def is_empty(self) -> bool:
        return self.db.execute("select 1 from records limit 1").fetchone() is None

    def page(
        self,
        object_name: str,
        *,
        search: str = "",
        where: str = "1",
        parameters: Sequence[Any] = (),
        order: str = "updated_at desc, id",
        limit: int = 50,
        offset: int = 0,
        with_deleted: bool = False,
    ) -> tuple[list[Record], int]:
        """A page of records and the number of all that match.

        ``where`` and ``order`` are SQL of the caller's making, never user text.
        """
        conditions = f"object = ? and ({where})"
        values: list[Any] = [object_name, *parameters]
        if not with_deleted:
            conditions += " and not is_deleted"
        if search:
            conditions += " and (casefold(fields) like ? escape '\\' or id = ?)"
            escaped = dump(search.casefold())[1:-1]
            for character in ("\\", "%", "_"):
                escaped = escaped.replace(character, f"\\{character}")
            values += [f"%{escaped}%", search]
        total = self.db.execute(f"select count(*) from records where {conditions}", values)
        count = total.fetchone()[0]
        rows = self.db.execute(
            "select object, id, fields, created_at, updated_at, is_deleted from records "
            f"where {conditions} order by {order} limit ? offset ?",
            [*values, limit, offset],
        )
        return [_record(row) for row in rows], count

    def history(self, object_name: str, record_id: str, limit: int = 200) -> list[dict[str, Any]]:
        rows = self.db.execute(
            "select changed_at, operation, fields from changes where object = ? and id = ? "
            "order by change_id desc limit ?",
            (object_name, record_id, limit),
        )
        return [
            {"changed_at": at, "operation": operation, "fields": json.loads(fields)}
            for at, operation, fields in rows
        ]

    # what happened -------------------------------------------------------------------

    def log_call(
        self,
        method: str,
        path: str,
        status: int,
        *,
        is_write: bool,
        records: int,
        refused: int,
        duration_ms: float,
        note: str | None,
    ) -> None:
        self.db.execute(
            "insert into calls (called_at, method, path, status, is_write, records, refused, "
            "duration_ms, note) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (iso_now(), method, path, status, int(is_write), records, refused, duration_ms, note),
        )

    def calls_since(self, since: str, path_like: str) -> int:
        """How many calls came in since then (``2026-01-31`` or later text) to such paths."""
        query = "select count(*) from calls where called_at >= ? and path like ?"
        return self.db.execute(query, (since, path_like)).fetchone()[0]

    def changed_between(
        self, object_name: str, since: str, until: str, *, is_deleted: bool
    ) -> list[tuple[str, str]]:
        """Id and time of what was last changed (or deleted) from ``since`` up to ``until``."""
        return self.db.execute(
            "select id, substr(updated_at, 1, 23) as at from records where object = ? "
            "and is_deleted = ? and substr(updated_at, 1, 23) between ? and ? order by at, id",
            (object_name, int(is_deleted), since, until),
        ).fetchall()

    def log_error(self, object_name: str | None, record: str | None, code: str, message: str):
        self.db.execute(
            "insert into errors (occurred_at, object, record, code, message) "
            "values (?, ?, ?, ?, ?)",
            (iso_now(), object_name, record, code, message),
        )

    def add_message(self, channel: str, text: str, payload: Mapping[str, Any]) -> None:
        self.db.execute(
            "insert into messages (received_at, channel, text, payload) values (?, ?, ?, ?)",
            (iso_now(), channel, text, dump(payload)),
        )

    def rows(self, table: str, *, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """The latest rows of ``calls``, ``errors`` or ``messages``."""
        key = {"calls": "call_id", "errors": "error_id", "messages": "message_id"}[table]
        cursor = self.db.execute(
            f"select * from {table} order by {key} desc limit ? offset ?", (limit, offset)
        )
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def count_rows(self, table: str) -> int:
        if table not in ("calls", "errors", "messages"):
            raise ValueError(f"{table!r} is not one of calls, errors, messages")
        return self.db.execute(f"select count(*) from {table}").fetchone()[0]


def _record(row: Sequence[Any]) -> Record:
    object_name, record_id, fields, created_at, updated_at, is_deleted = row
    return Record(
        object_name, record_id, json.loads(fields), created_at, updated_at, bool(is_deleted)
    )


def records(settings: Settings, system: str, object_name: str) -> list[dict[str, Any]]:
    """All live records of an object as dicts, by id; for reports and tests, server or no server.

    ``system`` is ``salesforce`` or ``hubspot``. Each dict holds the fields and ``Id``. Empty where
    the mocks have never run.
    """
    path = settings.mocks_dir / f"{system}.sqlite"
    if not path.is_file():
        return []
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "select id, fields from records where object = ? and not is_deleted order by id",
            (object_name,),
        ).fetchall()
    return [{"Id": record_id, **json.loads(fields)} for record_id, fields in rows]


def messages(settings: Settings) -> list[dict[str, Any]]:
    """All messages Slack has received, oldest first: received_at, channel, text, payload."""
    path = settings.mocks_dir / "slack.sqlite"
    if not path.is_file():
        return []
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "select received_at, channel, text, payload from messages order by message_id"
        ).fetchall()
    names = ("received_at", "channel", "text", "payload")
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return [{**message, "payload": json.loads(message["payload"])} for message in found]
