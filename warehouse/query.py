"""Query the published copy, read-only: what ``plg query`` runs.

``core.dim_people`` and all other published tables resolve to the published file;
``ops.<table>`` resolves to the *live* operations store, so that a failed gate or sync can
be looked at before (or without) anything being published.

The SQL may only read: one statement that selects, on a connection which can neither write
nor see any other file.
"""

import csv
import io
import json
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import duckdb
import pyarrow as pa

from warehouse.ops import OPS_TABLES, OpsTable
from warehouse.publish import attach_read_only
from warehouse.settings import Settings

_OPS_LOCK_SECONDS = 15.0


class QueryError(Exception):
    """A query could not be answered.

    QueryError
      ├─ NothingPublished  there is no published copy yet: `plg run`
      ├─ NotAQuery         the statement would do something other than read
      └─ QueryFailed       DuckDB's own message: unknown column, syntax error …
    """


class NothingPublished(QueryError):
    pass


class NotAQuery(QueryError):
    pass


class QueryFailed(QueryError):
    pass


class QueryResult(NamedTuple):
    """Column names and rows of Python values."""

    columns: list[str]
    rows: list[tuple]


def run_query(settings: Settings, sql: str) -> QueryResult:
    """Answer one ``select`` on the published copy and the live ``ops`` tables."""
    with _connected(settings, sql) as connection:
        cursor = _execute(connection, sql)
        return QueryResult([column[0] for column in cursor.description], cursor.fetchall())


def query_arrow(settings: Settings, sql: str) -> pa.Table:
    """As :func:`run_query`, as an Arrow table."""
    with _connected(settings, sql) as connection:
        try:
            return connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise QueryFailed(str(error)) from error


def to_json_rows(result: QueryResult) -> list[dict[str, Any]]:
    """Rows as dicts of what JSON has: times as ISO 8601 (UTC), decimals as numbers."""
    return [dict(zip(result.columns, map(_json_value, row), strict=True)) for row in result.rows]


def to_json(result: QueryResult) -> str:
    """:func:`to_json_rows` as JSON text."""
    return json.dumps(to_json_rows(result), indent=2, ensure_ascii=False)


def to_csv(result: QueryResult, neutralise_formulas: bool = True) -> str:
    """RFC 4180 CSV with a header; NULL is the empty cell.

    Text that a spreadsheet would run as a formula (it begins with ``= + - @``, tab or
    carriage return) gets a leading apostrophe unless ``neutralise_formulas`` is off:
    event properties and names come from strangers. Numbers are never touched.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_csv_value(name, neutralise_formulas) for name in result.columns)
    for row in result.rows:
        writer.writerow(_csv_value(value, neutralise_formulas) for value in row)
    return out.getvalue()


_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")


def _csv_value(value: Any, neutralise_formulas: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    text = str(value)
    if (
        neutralise_formulas
        and not isinstance(value, int | float | Decimal)
        and text.startswith(_FORMULA_START)
    ):
        return "'" + text
    return text


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta | UUID):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(name): _json_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return value


# -- what may be asked ---------------------------------------------------------------------


def _check_it_only_reads(sql: str) -> None:
    statements = _parsed(sql)
    if not statements:
        raise NotAQuery("the query is empty")
    if len(statements) > 1:
        raise NotAQuery(f"one statement at a time, please: this has {len(statements)}")
    kind = statements[0].type.name
    text = _without_comments(sql).strip()
    if kind == "EXPLAIN":
        explained = re.sub(r"(?is)^explain\s+(analyze\s+)?(\([^)]*\)\s*)?", "", text)
        kind = _parsed(explained)[0].type.name
    # PIVOT is parsed into two statements, the first of which collects the columns
    if kind == "MULTI" and re.match(r"(?i)(pivot|with|from|select)\b", text):
        return
    if kind != "SELECT":
        raise NotAQuery(
            f"only queries can be run here (select, with, from, describe, summarize, show, "
            f"explain), not {kind}: the published copy is read-only"
        )


def _parsed(sql: str) -> list[duckdb.Statement]:
    try:
        return duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryFailed(str(error)) from error


def _without_comments(sql: str) -> str:
    return re.sub(r"(?s)/\*.*?\*/|--[^\n]*", " ", sql)


# -- the connection --------------------------------------------------------------------------


def _connected(settings: Settings, sql: str) -> duckdb.DuckDBPyConnection:
    _check_it_only_reads(sql)
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("set temp_directory = ?", [str(settings.home / "tmp")])
        if settings.published_path.is_file():
            _expose_published(connection, settings)
        elif names := _published_names(sql):
            raise NothingPublished(
                f"{', '.join(names)}: nothing is published yet at {settings.published_path}. "
                "Run `plg run` first (ops.* tables can be queried already)."
            )
        _expose_ops(connection, settings, sql)
        connection.execute("set python_enable_replacements = false")
        connection.execute("set autoinstall_known_extensions = false")
        connection.execute("set autoload_known_extensions = false")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        raise QueryFailed(str(error)) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _execute(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    try:
        return connection.execute(sql)
    except duckdb.Error as error:
        raise QueryFailed(str(error)) from error


def _expose_published(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """A view for every published table, so that `schema.table` is enough.

    Views, and not `use published`: that would make `ops.<table>` mean the snapshot
    inside the copy.
    """
    attach_read_only(connection, settings.published_path, "published", _OPS_LOCK_SECONDS)
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = 'published' and schema_name <> 'ops' order by all"
    ).fetchall()
    for schema in dict.fromkeys(schema for schema, _ in tables):
        connection.execute(f'create schema if not exists "{schema}"')
    for schema, table in tables:
        connection.execute(
            f'create view "{schema}"."{table}" as select * from published."{schema}"."{table}"'
        )


def _expose_ops(connection: duckdb.DuckDBPyConnection, settings: Settings, sql: str) -> None:
    """The live `ops` tables the query names, copied; the others (and missing ones) empty.

    Copied, and the store let go at once: a long query must not hold up the pipeline.
    """
    connection.execute("create schema ops")
    wanted = _ops_tables_named(sql)
    present: set[str] = set()
    if wanted and settings.ops_path.is_file():
        attach_read_only(connection, settings.ops_path, "ops_live", _OPS_LOCK_SECONDS)
        present = {
            name
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where database_name = 'ops_live'"
            ).fetchall()
        }
        for name in sorted(present & wanted):
            connection.execute(f"create table ops.{name} as select * from ops_live.{name}")
        connection.execute("detach ops_live")
    for name, table in OPS_TABLES.items():
        if name not in present & wanted:
            connection.execute(_empty_table(name, table))


def _empty_table(name: str, table: OpsTable) -> str:
    columns = ", ".join(f'"{column}" {type_name}' for column, type_name in table.columns.items())
    return f"create table ops.{name} ({columns})"


_OPS_NAME = re.compile(r'(?i)(?<![\w.])"?ops"?\s*\.\s*"?(\w+)')


def _ops_tables_named(sql: str) -> set[str]:
    """The ops tables a query may read; all of them where its text leaves a doubt."""
    plain = _without_comments(sql)
    mentions = len(re.findall(r"(?i)\bops\b", plain))
    named = [match.lower() for match in _OPS_NAME.findall(plain)]
    if mentions > len(named):
        return set(OPS_TABLES)
    return set(named) & set(OPS_TABLES)


_TABLE_NAME = re.compile(r'(?i)\b(?:from|join|describe|summarize|table)\s+"?(\w+)"?\s*\.\s*"?(\w+)')


def _published_names(sql: str) -> list[str]:
    """Tables outside `ops` that a query names."""
    found = _TABLE_NAME.findall(_without_comments(sql))
    return sorted(
        {
            f"{schema}.{table}"
            for schema, table in found
            if schema.lower() not in ("ops", "information_schema", "pg_catalog")
        }
    )
