"""What every table was built from, so that what has not changed is not built or tested again.

A note on each model's table stays in the warehouse: a *key*, the hash of the project and of
the versions of all that the model reads, and the table's own *version*, a hash of its rows. A
model whose key is what it was when its table was built would build the same table: it is left
alone. A table that was built again and came out the same has the version it had, and so stops
the change there. The same goes for tests that passed.

What is read has a version too: a raw dataset that of its files in the lake (written down by
`ingestion.raw_views`), a seed that of its rows, a view that of its SQL and of what it reads, an
event model that of the loads and rules it has seen. A model that reads anything beside, as Python
models do and incremental models that remember, is always built.

The notes of a layer's models are taken out when the layer begins and put back when it ends, so
who is killed between leaves none. Nor are notes believed when the warehouse is not as this code
left it (`is_as_left`), or after any other dbt command (``on-run-start`` drops them).
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from warehouse.settings import Settings

RAW_VERSIONS = "internal.raw_versions"
_NOTES = "internal.built_from"
_PASSED = "internal.tests_passed"
_TABLES = (
    "create schema if not exists internal",
    f"create table if not exists {_NOTES} (unique_id varchar, project varchar, key varchar, "
    "version varchar, count_rows bigint, built_at timestamp, statement varchar)",
    f"create table if not exists {_PASSED} (unique_id varchar, key varchar)",
    f"create view if not exists {RAW_VERSIONS} as select '' as dataset, '' as version where false",
)
_BUILD_STATE = "model.plg.stg_events__build_state"
_DAYS_TO_BUILD = re.compile(r"(/\* days to build \*/).*?(/\* until here \*/)", re.DOTALL)
_HASHED_ROWS = 5_000_000  # 0.3 s; a larger table is a new one whenever it is built
_HEADER_BYTES = 3 * 4096


# --- the file ------------------------------------------------------------------------------


def _mark_path(settings: Settings) -> Path:
    return settings.home / "dbt" / "warehouse_mark"


def _header(settings: Settings) -> str | None:
    """What changes in the file with every checkpoint; None while a commit is in its log."""
    path = settings.warehouse_path
    if path.with_name(path.name + ".wal").exists():
        return None
    with path.open("rb") as file:
        return hashlib.sha256(file.read(_HEADER_BYTES)).hexdigest()


def is_as_left(settings: Settings) -> bool:
    """Whether nobody else has written the warehouse since we did."""
    mark = _mark_path(settings)
    return mark.exists() and mark.read_text() == _header(settings)


def leave(settings: Settings) -> None:
    """Remember the warehouse as it is: what is in it now, this code has seen. To be called when
    no connection is open any more."""
    mark, header = _mark_path(settings), _header(settings)
    if header is None:
        mark.unlink(missing_ok=True)
        return
    mark.parent.mkdir(parents=True, exist_ok=True)
    partial = mark.with_suffix(".tmp")
    partial.write_text(header)
    partial.replace(mark)


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """Around what we write that no note is about, with the warehouse open: who changed it before is
    still noticed after it."""
    was_as_left = is_as_left(settings)
    yield
    if was_as_left:
        leave(settings)


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop every note: all is built and tested again."""
    connection.execute(f"drop table if exists {_NOTES}; drop table if exists {_PASSED}")


# --- the notes -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Note:
    """One model's table: what it was built from, what came out, and the statement that did it."""

    project: str
    key: str | None
    version: str | None
    count_rows: int | None
    built_at: datetime
    statement: str | None


@dataclass
class LayerBuilds:
    """The notes while one layer is built: what may be left alone, and what was built.

    ``nodes`` are the manifest's, ``project`` names all that models are compiled from. Used by
    dbt's threads and by the caller's at once: each asks on a cursor of its own.
    """

    nodes: Mapping[str, Mapping[str, Any]]
    project: str
    connection: duckdb.DuckDBPyConnection
    chosen: frozenset[str]
    asked_for: bool  # somebody chose these models: they are built whatever the notes say
    notes: dict[str, Note] = field(default_factory=dict)
    passed: dict[str, str] = field(default_factory=dict)
    left_alone: set[str] = field(default_factory=set)
    _found: dict[str, Note] = field(default_factory=dict)
    _versions: dict[str, str | None] = field(default_factory=dict)
    _raw: dict[str, str] = field(default_factory=dict)

    def version(self, unique_id: str) -> str | None:
        """Version of what is in the warehouse under this name; None when it is not known."""
        if unique_id not in self._versions:
            self._versions[unique_id] = self._ask_version(unique_id)
        return self._versions[unique_id]

    def key(self, unique_id: str) -> str | None:
        """Hash of the project and of all that a model or test reads; None when not all is known."""
        node = self.nodes[unique_id]
        if node["config"]["materialized"] == "view":
            return _hash(self.project, unique_id)  # rows are no part of it
        parents = sorted(set(node["depends_on"]["nodes"]))
        versions = [(parent, self.version(parent)) for parent in parents]
        if not versions or any(version is None for _, version in versions):
            return None
        return _hash(self.project, unique_id, versions)

    def leaves_alone(self, unique_id: str) -> bool:
        """Whether the model's table is what building it would make; noted if so."""
        note = self._found.get(unique_id)
        if self.asked_for or note is None or not _is_function_of_its_inputs(self.nodes[unique_id]):
            return False
        if note.key is None or note.key != self.key(unique_id):
            return False
        self.notes[unique_id] = note
        is_view = self.nodes[unique_id]["config"]["materialized"] == "view"
        self._versions[unique_id] = self._ask_version(unique_id) if is_view else note.version
        self.left_alone.add(unique_id)
        return True

    def statement(self, unique_id: str) -> str | None:
        """What dbt ran for the model when it last built it from this project, if that is all there
        is to do again; of an event model, with the received days that it has not seen."""
        note = self._found.get(unique_id)
        if note is None or note.statement is None or note.project != self.project:
            return None
        if _is_by_received_days(self.nodes[unique_id]):
            return self._with_new_days(self.nodes[unique_id], note.statement)
        return note.statement

    def _with_new_days(self, node: Mapping[str, Any], statement: str) -> str | None:
        """As ``received_days.sql`` asks: None when other rules make every day a new one."""
        state = self.nodes[_BUILD_STATE]
        with self.connection.cursor() as cursor:
            found = cursor.execute(
                "select built.definition_hash, loads.received_date "
                f'from "{state["schema"]}"."{state["name"]}" as state '
                "inner join internal.received_days_built as built "
                "using (model_name, rules_hash) "
                "left join raw.event_loads as loads on loads.load_id > built.load_id "
                "where model_name = ? group by all order by all",
                [node["name"]],
            ).fetchall()
        if not found or f"'{found[0][0]}'" not in statement:
            return None
        days = ", ".join(f"date '{day}'" for _, day in found if day is not None)
        condition = f"received_date in ({days})" if days else "false"
        return _DAYS_TO_BUILD.sub(rf"\g<1> {condition} \g<2>", statement)

    def built(self, unique_id: str, statement: str | None) -> None:
        """Note that the model was built just now, by ``statement`` (None: not by that alone)."""
        node = self.nodes[unique_id]
        key = self.key(unique_id) if _is_function_of_its_inputs(node) else None
        version, count = self._version_of_rows(node, key)
        self._versions[unique_id] = version
        self.notes[unique_id] = Note(
            self.project, key, version, count, datetime.now(UTC).replace(tzinfo=None), statement
        )

    def has_passed(self, test: str) -> bool:
        """Whether the test passed on exactly what it would read now."""
        key = self.key(test)
        return key is not None and self.passed.get(test) == key

    def put_back(self, tests: Mapping[str, bool]) -> None:
        """Write the layer's notes, and those of ``tests`` (by id, whether they passed)."""
        for test, is_passed in tests.items():
            key = self.key(test) if is_passed else None
            if key is None:
                self.passed.pop(test, None)
            else:
                self.passed[test] = key
        with self.connection.cursor() as cursor:
            cursor.execute("begin")
            _insert(
                cursor,
                _NOTES,
                [(one, *vars(note).values()) for one, note in self.notes.items()],
            )
            cursor.execute(
                f"delete from {_PASSED} where unique_id in (select unnest($1))", [list(tests)]
            )
            _insert(
                cursor, _PASSED, [(one, self.passed[one]) for one in tests if one in self.passed]
            )
            cursor.execute("commit")

    def _version_of_rows(
        self, node: Mapping[str, Any], key: str | None
    ) -> tuple[str | None, int | None]:
        with self.connection.cursor() as cursor:
            if node["config"]["materialized"] == "view":
                return self._ask_version(node["unique_id"]), None
            relation = f'"{node["schema"]}"."{node["name"]}"'
            ((count,),) = cursor.execute(f"select count(*) from {relation}").fetchall()
            if _is_by_received_days(node):
                seen = cursor.execute(
                    "select load_id, rules_hash, definition_hash "
                    "from internal.received_days_built where model_name = ?",
                    [node["name"]],
                ).fetchall()
                return (_hash(seen) if seen else None), count
            if count > _HASHED_ROWS:
                return key or uuid.uuid4().hex, count
            hashed = cursor.execute(
                f"select count(*), sum(hash(one)) from {relation} as one"
            ).fetchall()
            return _hash(hashed), count

    def _ask_version(self, unique_id: str) -> str | None:
        kind = unique_id.split(".")[0]
        if kind == "source":
            return self._raw.get(unique_id.split(".")[-1])
        node = self.nodes[unique_id]
        if kind == "seed":
            with self.connection.cursor() as cursor:
                rows = cursor.execute(
                    f'select count(*), sum(hash(one)) from "{node["schema"]}"."{node["name"]}" '
                    "as one"
                ).fetchall()
            return _hash(rows)
        if node["config"]["materialized"] != "view":
            note = self._found.get(unique_id)
            return note.version if note else None
        with self.connection.cursor() as cursor:
            sql = cursor.execute(
                "select sql from duckdb_views() where schema_name = ? and view_name = ? "
                "and database_name = current_database()",
                [node["schema"], node["name"]],
            ).fetchall()
        parents = sorted(set(node["depends_on"]["nodes"]))
        versions = [(parent, self.version(parent)) for parent in parents]
        if not sql or any(version is None for _, version in versions):
            return None
        return _hash(sql, versions)


@contextmanager
def layer_builds(
    settings: Settings,
    nodes: Mapping[str, Mapping[str, Any]],
    project: str,
    chosen: Iterable[str],
    asked_for: bool,
) -> Iterator[LayerBuilds]:
    """Take the notes on the ``chosen`` models out of the warehouse, for ``put_back``."""
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        for statement in _TABLES:
            connection.execute(statement)
        raw_columns = connection.execute(
            "select table_name, column_name, data_type from duckdb_columns() "
            "where schema_name = 'raw' order by all"
        ).fetchall()
        builds = LayerBuilds(
            nodes,
            _hash(project, settings.target, settings.product_line, raw_columns),
            connection,
            frozenset(chosen),
            asked_for,
        )
        builds._found = {
            row[0]: Note(*row[1:])
            for row in connection.execute(f"select * from {_NOTES}").fetchall()
        }
        builds.passed = dict(connection.execute(f"select * from {_PASSED}").fetchall())
        builds._raw = dict(connection.execute(f"select * from {RAW_VERSIONS}").fetchall())
        connection.execute(
            f"delete from {_NOTES} where unique_id in (select unnest($1))", [list(builds.chosen)]
        )
        for one in builds.chosen:  # known again once it was left alone or built
            builds._versions[one] = None
        yield builds


def _is_by_received_days(node: Mapping[str, Any]) -> bool:
    return node["config"].get("incremental_strategy") == "replace_received_days"


def _is_function_of_its_inputs(node: Mapping[str, Any]) -> bool:
    """Whether the model's SQL reads what dbt knows of, and nothing else."""
    if not str(node["language"]).endswith("sql"):
        return False
    return node["config"]["materialized"] in ("table", "view") or _is_by_received_days(node)


def _insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: list[tuple]) -> None:
    if rows:
        row = f"({', '.join('?' * len(rows[0]))})"
        values = [value for values in rows for value in values]
        cursor.execute(f"insert into {table} values {', '.join([row] * len(rows))}", values)


def _hash(*words: Any) -> str:
    return hashlib.sha256(json.dumps(words, default=str).encode()).hexdigest()
