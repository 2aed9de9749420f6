"""What ingestion remembers about files: ``ops.ingest_files`` and its neighbours.

Two small tables of its own stand beside it in ``ops.duckdb``: ``ingest_loads`` (one row a
committed load) and ``ingest_overlaps`` (which file's rows counted as duplicates of which
other file's: when that one goes, this one must be read again).

Status of a file's version: ``loaded``; ``superseded`` (newer content under the same path);
``withdrawn`` (taken out by a person; the same content stays out); ``refused`` (cannot be
used, see ``message``); ``unsupported`` (nothing reads it yet); ``removed`` (was refused or
unsupported and is not there any more, or not wrong any more).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion.lake import sql_text
from warehouse.ops import OpsStore, utc_now
from warehouse.settings import Settings

LIVE = ("loaded", "withdrawn", "refused", "unsupported")
_OWN_TABLES = (
    """
    create table if not exists ingest_loads (
        load_id bigint primary key, kind varchar, rows_accepted bigint,
        files_loaded bigint, files_withdrawn bigint, committed_at timestamp
    )
    """,
    """
    create table if not exists ingest_overlaps (
        path varchar, of_path varchar, count_rows bigint, primary key (path, of_path)
    )
    """,
)


@dataclass(frozen=True)
class FileRecord:
    """A row of ``ops.ingest_files``: one version of a landed file."""

    file_id: str
    path: str
    dataset: str | None
    sha256: str | None
    size_bytes: int
    modified_at: datetime
    status: str = "loaded"
    message: str | None = None
    load_id: int | None = None
    rows_read: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0
    first_received_date: date | None = None
    last_received_date: date | None = None
    loaded_at: datetime | None = None


_COLUMNS = tuple(FileRecord.__dataclass_fields__)


@dataclass(frozen=True)
class Manifest:
    """The manifest as it stood when it was read; ``live`` versions by path, oldest first."""

    live: Mapping[str, list[FileRecord]]
    overlaps: Mapping[str, set[str]]  # path → paths whose rows were duplicates of its rows
    withdrawn_ids: frozenset[str]
    last_load_id: int
    last_file_number: int

    def loaded(self, path: str) -> FileRecord | None:
        """The version of ``path`` whose rows count, if any."""
        return next((r for r in self.live.get(path, ()) if r.status == "loaded"), None)

    def withdrawable(self, path: str) -> list[FileRecord]:
        """The versions of ``path`` that count or stand in the way."""
        return [r for r in self.live.get(path, ()) if r.status in ("loaded", "refused")]


@dataclass(frozen=True)
class ManifestChange:
    """Everything one ingest writes to the store, in one transaction."""

    new: Sequence[FileRecord] = ()
    status: Mapping[str, tuple[str, str | None]] = ()  # file_id → (status, message or keep)
    touched: Mapping[str, datetime] = ()  # file_id → new modified_at of unchanged content
    overlaps: Mapping[tuple[str, str], int] = ()  # (path, of_path) → rows
    quarantine_files: Sequence[Path] = ()
    load_id: int | None = None
    load_kind: str = "ingest"

    def __bool__(self) -> bool:
        return bool(self.new or self.status or self.touched)


def file_id(number: int) -> str:
    """Identifier of the ``number``-th file version; sorts as the number does."""
    return f"file-{number:09d}"


def committed_load_id(settings: Settings) -> int:
    """Number of the last committed load, 0 when nothing was ever loaded."""
    if not settings.ops_path.exists():
        return 0
    with OpsStore(settings.ops_path).connection() as connection:
        return _last_load_id(connection)


def read_manifest(settings: Settings) -> Manifest:
    """The manifest now; creates the store when there is none."""
    with OpsStore(settings.ops_path).connection() as connection:
        for statement in _OWN_TABLES:
            connection.execute(statement)
        columns = ", ".join(_COLUMNS)
        rows = connection.execute(
            f"select {columns} from ingest_files where list_contains(?, status) order by file_id",
            [list(LIVE)],
        ).fetchall()
        live: dict[str, list[FileRecord]] = {}
        for row in rows:
            record = FileRecord(*row)
            live.setdefault(record.path, []).append(record)
        overlaps: dict[str, set[str]] = {}
        for path, of_path in connection.execute(
            "select path, of_path from ingest_overlaps"
        ).fetchall():
            overlaps.setdefault(of_path, set()).add(path)
        withdrawn = connection.execute(
            "select file_id from ingest_files where status in ('superseded', 'withdrawn')"
        ).fetchall()
        number = connection.execute(
            "select coalesce(max(cast(split_part(file_id, '-', 2) as bigint)), 0) from ingest_files"
        ).fetchall()[0][0]
        return Manifest(
            live=live,
            overlaps=overlaps,
            withdrawn_ids=frozenset(row[0] for row in withdrawn),
            last_load_id=_last_load_id(connection),
            last_file_number=number,
        )


def commit(settings: Settings, change: ManifestChange) -> None:
    """Write ``change``, all or nothing. This is the moment a load becomes real."""
    now = utc_now()
    with OpsStore(settings.ops_path).transaction() as connection:
        for file_id_, (status, message) in dict(change.status).items():
            connection.execute(
                "update ingest_files set status = ?, message = coalesce(?, message) "
                "where file_id = ?",
                [status, message, file_id_],
            )
            # its refused rows were answered by whatever replaced it
            connection.execute("delete from quarantine where file_id = ?", [file_id_])
        for file_id_, modified_at in dict(change.touched).items():
            connection.execute(
                "update ingest_files set modified_at = ? where file_id = ?", [modified_at, file_id_]
            )
        if change.new:
            new = _as_table([replace(record, loaded_at=now) for record in change.new])
            connection.register("new_files", new)
            columns = ", ".join(_COLUMNS)
            connection.execute(
                f"insert into ingest_files ({columns}) select {columns} from new_files"
            )
            _insert_quarantine(connection, change, now)
            connection.execute(
                "delete from ingest_overlaps "
                "where path in (select path from new_files where status = 'loaded')"
            )
            overlaps = dict(change.overlaps)
            connection.register(
                "new_overlaps",
                pa.table(
                    {
                        "path": pa.array([path for path, _ in overlaps], pa.string()),
                        "of_path": pa.array([of_path for _, of_path in overlaps], pa.string()),
                        "count": pa.array(list(overlaps.values()), pa.int64()),
                    }
                ),
            )
            connection.execute("insert or replace into ingest_overlaps from new_overlaps")
            connection.unregister("new_overlaps")
            connection.unregister("new_files")
        if change.load_id is not None:
            withdrawn = sum(status != "removed" for status, _ in dict(change.status).values())
            connection.execute(
                "insert into ingest_loads values (?, ?, ?, ?, ?, ?)",
                [
                    change.load_id,
                    change.load_kind,
                    sum(record.rows_accepted for record in change.new),
                    sum(record.status == "loaded" for record in change.new),
                    withdrawn,
                    now,
                ],
            )


def _insert_quarantine(
    connection: duckdb.DuckDBPyConnection, change: ManifestChange, now: datetime
) -> None:
    if not change.quarantine_files:
        return
    files = ", ".join(sql_text(path) for path in change.quarantine_files)
    connection.execute(
        f"""
        insert into quarantine (
            file_id, path, dataset, line_number, reason, detail, raw, load_id, quarantined_at
        )
        select
            refused.file_id, new_files.path, new_files.dataset, refused.line_number,
            refused.reason, refused.detail, refused.raw, new_files.load_id, ?
        from read_parquet([{files}]) as refused
        inner join new_files on refused.file_id = new_files.file_id
        order by new_files.path, refused.line_number
        """,
        [now],
    )


def _last_load_id(connection: duckdb.DuckDBPyConnection) -> int:
    known = connection.execute(
        "select count(*) from duckdb_tables() where table_name = 'ingest_loads'"
    ).fetchall()[0][0]
    if not known:
        return 0
    return connection.execute("select coalesce(max(load_id), 0) from ingest_loads").fetchall()[0][0]


def _as_table(records: Iterable[FileRecord]) -> pa.Table:
    kinds = {
        "size_bytes": pa.int64(),
        "modified_at": pa.timestamp("us"),
        "load_id": pa.int64(),
        "first_received_date": pa.date32(),
        "last_received_date": pa.date32(),
        "loaded_at": pa.timestamp("us"),
    }
    rows = list(records)
    return pa.table(
        {
            name: pa.array(
                [getattr(row, name) for row in rows],
                pa.int64() if name.startswith("rows_") else kinds.get(name, pa.string()),
            )
            for name in _COLUMNS
        }
    )
