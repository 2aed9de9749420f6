"""Publish: copy what readers may see into a read-only DuckDB file, swapped in atomically.

Readers (analysts, dashboards, syncs) open only ``HOME/published/plg.duckdb``. They never
meet a lock or a half-built table; while a new copy is built, and when building it fails,
the copy of before stays. A reader that has the old file open keeps reading it.

Whether the data *may* be published is the caller's question to
``quality.gates.require_gate``; this module only copies.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb

from warehouse.ops import (
    LOCK_TIMEOUT_SECONDS,
    OpsLocked,
    OpsStore,
    is_lock_error,
    retry_while_locked,
    utc_now,
)
from warehouse.settings import Settings

PUBLIC_SCHEMAS = (
    "identity",
    "core",
    "activation",
    "funnel",
    "retention",
    "revenue",
    "packaging",
    "pql",
    "health",
    "loops",
    "experiments",
    "attribution",
    "economics",
    "syncs",
)
PUBLIC_PREFIXES = ("dim_", "fct_", "rpt_", "bridge_", "sync_")
NOT_PUBLISHED = frozenset({"core.fct_person_events"})
"""Public by name, but a view with a row for every single event: as a table it would be
larger than everything else together."""

_VERSIONED_PACKAGES = ("plg-warehouse", "duckdb", "dbt-core", "dbt-duckdb", "great-expectations")


class PublishFailed(Exception):
    """Nothing was published; the copy of before, if there was one, is still there."""


@dataclass(frozen=True)
class PublishedTable:
    schema: str
    table: str
    count_rows: int

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class PublishReport:
    """What was published: ``tables`` (those of ``ops`` among them) by name, and where."""

    path: Path
    tables: tuple[PublishedTable, ...]
    as_of: datetime
    published_at: datetime
    load_id: int | None
    size_bytes: int
    seconds: float

    @property
    def count_tables(self) -> int:
        return len(self.tables)

    @property
    def count_rows(self) -> int:
        return sum(table.count_rows for table in self.tables)

    def as_metadata(self) -> dict[str, str | int | float]:
        """For Dagster: what a person wants to see of a publication."""
        return {
            "path": str(self.path),
            "tables": self.count_tables,
            "rows": self.count_rows,
            "megabytes": round(self.size_bytes / 1e6, 1),
            "as_of": self.as_of.isoformat(sep=" "),
            "published_at": self.published_at.isoformat(sep=" ", timespec="seconds"),
            "load_id": self.load_id or 0,
            "seconds": round(self.seconds, 2),
        }


def is_public(schema: str, table: str) -> bool:
    """Whether a model is for readers: by its schema and the prefix of its name."""
    return (
        schema in PUBLIC_SCHEMAS
        and table.startswith(PUBLIC_PREFIXES)
        and f"{schema}.{table}" not in NOT_PUBLISHED
    )


def publish(settings: Settings) -> PublishReport:
    """Build a fresh copy of the public tables and put it in place of the published one.

    Raises `PublishFailed` (nothing built yet, warehouse locked, disk full, a view that
    no longer runs …); then the copy of before is untouched and no temporary file stays.
    """
    started = time.perf_counter()
    target = settings.published_path
    if not settings.warehouse_path.is_file():
        raise PublishFailed(
            f"there is no warehouse at {settings.warehouse_path}: run `plg run` (or `plg ingest` "
            "and `plg build`) first"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    building = target.with_name(f"{target.name}.tmp-{os.getpid()}")
    _remove(building)
    try:
        report = _build(settings, building)
        _make_durable(building)
        building.replace(target)
        _fsync(target.parent)
    except (duckdb.Error, OSError, OpsLocked) as error:
        raise PublishFailed(
            f"publishing failed, the published copy of before is unchanged: {error}"
        ) from error
    finally:
        _remove(building)
    return PublishReport(
        path=target,
        size_bytes=target.stat().st_size,
        seconds=time.perf_counter() - started,
        **report,
    )


def _build(settings: Settings, building: Path) -> dict:
    OpsStore(settings.ops_path).create()
    with duckdb.connect(str(building)) as connection:
        connection.execute("set temp_directory = ?", [str(settings.home / "tmp")])
        # the name dbt gave the catalog: views name their sources with it
        source = settings.warehouse_path.stem
        attach_read_only(connection, settings.warehouse_path, source)
        public = _public_tables(connection, source)
        if not public:
            raise PublishFailed(
                f"{settings.warehouse_path} has no public table yet: run `plg build` first"
            )
        tables = [_copy(connection, source, schema, table) for schema, table in public]
        _copy_comments(connection, source, public)

        as_of = _as_of(connection, settings)
        connection.execute(f"detach {_quoted(source)}")

        attach_read_only(connection, settings.ops_path, "ops_live")
        ops_tables = _tables_of(connection, "ops_live", ["main"])
        for _, table in ops_tables:
            tables.append(_copy(connection, "ops_live", "main", table, into="ops"))
        _copy_comments(connection, "ops_live", ops_tables, into="ops")
        (load_id,) = connection.execute("select max(load_id) from ops.ingest_files").fetchone()
        connection.execute("detach ops_live")

        published_at = utc_now()
        _write_meta(connection, as_of, published_at, load_id)
        connection.execute("force checkpoint")
    return {
        "tables": tuple(sorted(tables, key=lambda table: table.name)),
        "as_of": as_of,
        "published_at": published_at,
        "load_id": load_id,
    }


def attach_read_only(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    alias: str,
    timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
) -> None:
    """Attach the DuckDB file at ``path`` as ``alias``, waiting while someone writes to it."""
    literal = str(path).replace("'", "''")
    try:
        for attempt in retry_while_locked(timeout_seconds):
            with attempt:
                connection.execute(f"attach '{literal}' as {_quoted(alias)} (read_only)")
    except duckdb.Error as error:
        if not is_lock_error(error):
            raise
        raise duckdb.IOException(
            f"{path} was still being written by another process after {timeout_seconds:g} s; "
            f"try again when it has ended ({error})"
        ) from error


def _tables_of(
    connection: duckdb.DuckDBPyConnection, catalog: str, schemas: Sequence[str]
) -> list[tuple[str, str]]:
    """Tables and views (schema, name), in order."""
    return connection.execute(
        """
        select table_schema, table_name
        from information_schema.tables
        where table_catalog = ? and list_contains(?, table_schema)
        order by all
        """,
        [catalog, list(schemas)],
    ).fetchall()


def _public_tables(connection: duckdb.DuckDBPyConnection, source: str) -> list[tuple[str, str]]:
    return [
        (schema, table)
        for schema, table in _tables_of(connection, source, PUBLIC_SCHEMAS)
        if is_public(schema, table)
    ]


def _copy(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    schema: str,
    table: str,
    into: str | None = None,
) -> PublishedTable:
    into = into or schema
    connection.execute(f"create schema if not exists {_quoted(into)}")
    # sorted: the same rows always make the same table, and filters on keys read less
    connection.execute(
        f"create table {_quoted(into)}.{_quoted(table)} as "
        f"select * from {_quoted(source)}.{_quoted(schema)}.{_quoted(table)} order by all"
    )
    (count_rows,) = connection.execute(
        f"select count(*) from {_quoted(into)}.{_quoted(table)}"
    ).fetchone()
    return PublishedTable(into, table, count_rows)


def _copy_comments(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    tables: Sequence[tuple[str, str]],
    into: str | None = None,
) -> None:
    """dbt's descriptions (`persist_docs`) travel along as comments."""
    comments = connection.execute(
        """
        select schema_name, table_name, null as column_name, comment
        from duckdb_tables() where database_name = $source and comment is not null
        union all
        select schema_name, view_name, null, comment
        from duckdb_views() where database_name = $source and comment is not null
        union all
        select schema_name, table_name, column_name, comment
        from duckdb_columns() where database_name = $source and comment is not null
        order by all
        """,
        {"source": source},
    ).fetchall()
    wanted = set(tables)
    for schema, table, column, comment in comments:
        if (schema, table) not in wanted:
            continue
        name = f"{_quoted(into or schema)}.{_quoted(table)}"
        thing = f"column {name}.{_quoted(column)}" if column else f"table {name}"
        text = comment.replace("'", "''")
        connection.execute(f"comment on {thing} is '{text}'")


def _as_of(connection: duckdb.DuckDBPyConnection, settings: Settings) -> datetime:
    """The time the marts were built for: their own clock, else the settings'."""
    try:
        row = connection.execute("select as_of_at from core.dim_as_of").fetchone()
    except duckdb.CatalogException:
        row = None
    return row[0] if row else settings.now.astimezone(UTC).replace(tzinfo=None)


def _write_meta(
    connection: duckdb.DuckDBPyConnection,
    as_of: datetime,
    published_at: datetime,
    load_id: int | None,
) -> None:
    connection.execute("create schema meta")
    connection.execute(
        "create table meta.published (as_of timestamp, published_at timestamp, "
        "load_id bigint, versions json)"
    )
    connection.execute("comment on table meta.published is 'One row: what this copy is.'")
    connection.execute(
        "insert into meta.published values (?, ?, ?, ?)",
        [as_of, published_at, load_id, json.dumps(_versions(), sort_keys=True)],
    )


def _versions() -> dict[str, str]:
    found = {}
    for package in _VERSIONED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _make_durable(building: Path) -> None:
    wal = building.with_name(building.name + ".wal")
    if wal.exists():
        raise PublishFailed(f"the new copy was not written out completely ({wal.name} is left)")
    building.chmod(0o444)
    _fsync(building)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(building: Path) -> None:
    building.unlink(missing_ok=True)
    building.with_name(building.name + ".wal").unlink(missing_ok=True)


def _remove_leftovers(target: Path) -> None:
    """Half-built copies of processes that were killed."""
    for leftover in target.parent.glob(f"{target.name}.tmp-*"):
        pid = leftover.name.removesuffix(".wal").rpartition("-")[2]
        if not (pid.isdigit() and Path(f"/proc/{pid}").exists()):
            leftover.unlink(missing_ok=True)


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
