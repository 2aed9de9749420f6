"""The plan of a sync: the published table compared, in SQL, with what was acknowledged.

The comparison runs inside DuckDB on canonical payloads: one JSON text per row with the mapped
fields in the order of the spec, so equal content has an equal hash. What is to be sent is
written to a scratch file, from which the engine reads it batch by batch: memory does not grow
with the table.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import duckdb

from reverse_etl.breaker import Planned, why_stopped
from reverse_etl.errors import SourceInvalid
from reverse_etl.specs import FieldMapping, FieldType, SyncSpec
from warehouse.ops import retry_while_locked

Operation = Literal["create", "match", "update", "close", "delete"]

LEFT_HASH = "left"
"""Stands in the ledger for the hash of a record marked as left: any returning row differs."""

_TYPES: dict[str, FieldType] = {
    "VARCHAR": "text",
    "UUID": "text",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "number",
    "FLOAT": "number",
    **dict.fromkeys(["TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"], "datetime"),
    "TIMESTAMP WITH TIME ZONE": "datetime",
    **dict.fromkeys(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"], "integer"),
    **dict.fromkeys(["UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"], "integer"),
}

_EXACT_TYPES = ("DECIMAL", *(name for name, kind in _TYPES.items() if kind == "integer"))


@dataclass(frozen=True)
class PlannedRecord:
    """One record to send.

    ``payload`` holds all mapped fields as they should be, ``acknowledged`` as they were last
    accepted (empty for a new record). `match` is a first write to a record of the
    destination that identity found; ``destination_id`` is its id. ``acknowledged_in`` is the run
    whose write was last accepted: until then every run sends the same, afterwards another thing.
    """

    record_key: str
    operation: Operation
    payload: Mapping[str, Any]
    payload_hash: str
    acknowledged: Mapping[str, Any] = field(default_factory=dict)
    destination_id: str | None = None
    acknowledged_in: str = ""

    @property
    def changed(self) -> dict[str, Any]:
        """The fields that differ from what was acknowledged."""
        return {
            name: value
            for name, value in self.payload.items()
            if name not in self.acknowledged or self.acknowledged[name] != value
        }


@dataclass(frozen=True)
class PlanCounts:
    """What a plan would do, in records.

    ``noted``: history a first run does not send; ``held_back``: rows without consent.
    """

    source_rows: int = 0
    creates: int = 0
    updates: int = 0
    deletes: int = 0
    unchanged: int = 0
    dismissed: int = 0
    noted: int = 0
    held_back: int = 0

    @property
    def to_send(self) -> int:
        return self.creates + self.updates + self.deletes

    @property
    def by_operation(self) -> Planned:
        """For the circuit breaker."""
        return Planned(self.creates, self.updates, self.deletes)


@dataclass(frozen=True)
class Plan:
    """Counts, and where the records wait."""

    counts: PlanCounts
    path: Path
    why_stopped: tuple[str, ...] = ()
    sample: list[dict[str, Any]] = field(default_factory=list)

    def records(self) -> Iterator[PlannedRecord]:
        """Every record to send, new ones first, in the order of their keys."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            cursor = connection.execute(_RECORDS.format("planned"))
            while rows := cursor.fetchmany(1000):
                for row in rows:
                    yield _planned(row)


def _planned(row: tuple[Any, ...]) -> PlannedRecord:
    record_key, operation, payload, payload_hash, acknowledged, destination_id, run_id = row
    return PlannedRecord(
        record_key,
        operation,
        json.loads(payload) if payload else {},
        payload_hash or "",
        json.loads(acknowledged) if acknowledged else {},
        destination_id,
        run_id or "",
    )


def read_source(spec: SyncSpec, published: Path, scratch: Path) -> int:
    """Copy keys, payloads and hashes of the published table into ``scratch``; its row count.

    Raises `SourceInvalid` where the table or a column is missing, or a key is null or repeated.
    """
    if not published.is_file():
        raise SourceInvalid(
            f"sync {spec.name}: nothing is published yet ({published} does not exist); "
            "run `plg run` first"
        )
    remove_scratch(scratch)
    scratch.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(scratch)) as connection:
        for attempt in retry_while_locked():
            with attempt:
                connection.execute(f"attach {_text(str(published))} as published (read_only)")
        schema, table = spec.source.split(".")
        table_name = f"published.{_name(schema)}.{_name(table)}"
        known = table_columns(connection, spec, table_name)
        match_id = f"cast({_name(spec.match_id)} as varchar)" if spec.match_id else "null::varchar"
        connection.execute(
            f"""
            create table source_rows as
            with payloads as (
                select
                    cast({_name(spec.record_key)} as varchar) as record_key,
                    {match_id} as match_id,
                    cast({payload_sql(spec, known)} as varchar) as payload
                from {table_name}
                where {_has_consent(spec)}
            )
            select record_key, match_id, payload, md5(payload) as payload_hash from payloads
            """
        )
        connection.execute(
            f"create table held_back as select count(*) as count_rows from {table_name} "
            f"where not {_has_consent(spec)}"
        )
        connection.execute("detach published")
        _require_keys(connection, spec)
        return connection.execute("select count(*) from source_rows").fetchone()[0]


def table_columns(
    connection: duckdb.DuckDBPyConnection, spec: SyncSpec, table_name: str
) -> dict[str, str]:
    """Column → DuckDB type of a sync's table; `SourceInvalid` where it or a column is missing."""
    try:
        # an empty select: the catalog's own views cost more than the whole comparison
        relation = connection.sql(f"select * from {table_name} limit 0")
    except duckdb.CatalogException:
        raise SourceInvalid(
            f"sync {spec.name}: the published copy has no table {spec.source}; build and "
            "publish it first (`plg run`)"
        ) from None
    known = dict(zip(relation.columns, map(str, relation.types), strict=True))
    missing = [name for name in spec.source_columns if name not in known]
    if missing:
        raise SourceInvalid(
            f"sync {spec.name}: {spec.source} has no column {', '.join(missing)}; it has "
            f"{', '.join(known)}"
        )
    return known


def keyed_payloads(connection: duckdb.DuckDBPyConnection, spec: SyncSpec) -> str:
    """A select of every row's record_key and canonical payload from the published copy."""
    schema, table = spec.source.split(".")
    table_name = f"{_name(schema)}.{_name(table)}"
    columns = table_columns(connection, spec, table_name)
    return (
        f"select cast({_name(spec.record_key)} as varchar), "
        f"cast({payload_sql(spec, columns)} as varchar) from {table_name} "
        f"where {_has_consent(spec)}"
    )


def _has_consent(spec: SyncSpec) -> str:
    """A condition; unknown is no consent."""
    return f"coalesce(cast({_name(spec.consent)} as boolean), false)" if spec.consent else "true"


def compare(
    connection: duckdb.DuckDBPyConnection,
    spec: SyncSpec,
    scratch: Path,
    source_rows: int,
    *,
    only_dead_letters: bool = False,
) -> Plan:
    """Compare ``scratch``, as `read_source` left it, with the ledger behind ``connection``.

    What is to be sent stays in ``scratch``. The plan says where the circuit breaker would stop it.
    """
    connection.execute(f"attach {_text(str(scratch))} as scratch")
    try:
        parameters = _plan_parameters(spec, only_dead_letters)
        parameters["is_history"] = spec.first_run == "note" and _is_first_run(connection, spec)
        connection.execute(_PLANNED, parameters)
        counts = _counts(connection, source_rows)
        reasons = why_stopped(connection, spec, source_rows, counts.by_operation)
        connection.execute("drop table scratch.source_rows")
        sample = connection.execute(f"{_RECORDS.format('scratch.planned')} limit 5").fetchall()
    finally:
        connection.execute("detach scratch")
    shown = [_planned(row) for row in sample]
    return Plan(
        counts,
        scratch,
        tuple(reasons),
        [
            {"record_key": r.record_key, "operation": r.operation, "fields": r.changed}
            for r in shown
        ],
    )


def remove_scratch(scratch: Path) -> None:
    """Remove a plan's file, also that of a run that was killed."""
    for leftover in (scratch, scratch.with_name(f"{scratch.name}.wal")):
        leftover.unlink(missing_ok=True)


_RECORDS = """
select
    record_key, operation, payload, payload_hash, acknowledged, destination_id, acknowledged_in
from {}
order by send_order, record_key
"""


def _require_keys(connection: duckdb.DuckDBPyConnection, spec: SyncSpec) -> None:
    nulls, repeated = connection.execute(
        "select (select count(*) from source_rows where record_key is null or record_key = ''), "
        "(select list(record_key) from (select record_key from source_rows where record_key is "
        "not null group by record_key having count(*) > 1 order by record_key limit 3))"
    ).fetchone()
    if nulls:
        raise SourceInvalid(
            f"sync {spec.name}: {nulls} row(s) of {spec.source} have no {spec.record_key}"
        )
    if repeated:
        raise SourceInvalid(
            f"sync {spec.name}: {spec.record_key} of {spec.source} is not unique, for example "
            f"{', '.join(map(repr, repeated))}"
        )


def _is_first_run(connection: duckdb.DuckDBPyConnection, spec: SyncSpec) -> bool:
    """Whether no run of the sync ever came to its end, nor acknowledged anything."""
    (has_run,) = connection.execute(
        "select exists (select 1 from sync_ledger where sync_name = $sync) or exists "
        "(select 1 from sync_runs where sync_name = $sync and status in ('succeeded', 'partial'))",
        {"sync": spec.name},
    ).fetchone()
    return not has_run


# Every row of the source and of the ledger falls into exactly one operation. Rows of the
# same matched record: the first key gets it, the others become records of their own.
_PLANNED = """
create table scratch.planned as
with

ledger as (
    select
        record_key, payload_hash, payload, destination_id, coalesce(state, 'active') as state,
        run_id
    from sync_ledger
    where sync_name = $sync_name
),

letters as (
    select record_key, payload_hash, state from dead_letters where sync_name = $sync_name
),

-- sent by a run that ended without its answer: nobody knows what the destination holds
in_doubt as (
    select distinct in_flight.record_key
    from sync_in_flight as in_flight
    left join sync_ledger
        on sync_ledger.sync_name = in_flight.sync_name
        and sync_ledger.record_key = in_flight.record_key
    left join dead_letters
        on dead_letters.sync_name = in_flight.sync_name
        and dead_letters.record_key = in_flight.record_key
    where in_flight.sync_name = $sync_name
        and sync_ledger.run_id is distinct from in_flight.run_id
        and dead_letters.run_id is distinct from in_flight.run_id
),

-- a record that comes back after it was deleted is another one than the first
deleted as (
    select record_key, max_by(run_id, sent_at) as run_id
    from sync_records
    where sync_name = $sync_name and operation = 'delete' and status = 'accepted'
    group by record_key
),

taken_ids as (
    select distinct destination_id from ledger where destination_id is not null
),

first_matches as (
    select source_rows.match_id, min(source_rows.record_key) as record_key
    from scratch.source_rows
    anti join ledger on ledger.record_key = source_rows.record_key
    anti join taken_ids on taken_ids.destination_id = source_rows.match_id
    where source_rows.match_id is not null
    group by source_rows.match_id
),

compared as (
    select
        coalesce(source_rows.record_key, ledger.record_key) as record_key,
        source_rows.payload,
        source_rows.payload_hash,
        -- in doubt: the whole record is sent, not what differs from an old acknowledgement
        case
            when in_doubt.record_key is null or source_rows.record_key is null then ledger.payload
        end as acknowledged,
        coalesce(ledger.destination_id, first_matches.match_id) as destination_id,
        coalesce(ledger.run_id, deleted.run_id) as acknowledged_in,
        case
            when source_rows.record_key is null and $delete_policy = 'delete' then 'delete'
            when source_rows.record_key is null and $delete_policy = 'set_fields'
                and ledger.state = 'active' then 'close'
            when source_rows.record_key is null then 'kept'
            when ledger.record_key is null and first_matches.record_key is not null then 'match'
            when ledger.record_key is null and $mode = 'update' then 'skipped'
            when ledger.record_key is null and $is_history then 'noted'
            when ledger.record_key is null then 'create'
            when $mode = 'insert' then 'unchanged'
            when source_rows.payload_hash is distinct from ledger.payload_hash then 'update'
            when in_doubt.record_key is not null then 'update'
            else 'unchanged'
        end as operation
    from scratch.source_rows
    full join ledger on ledger.record_key = source_rows.record_key
    left join first_matches on first_matches.record_key = source_rows.record_key
    left join in_doubt on in_doubt.record_key = ledger.record_key
    left join deleted on deleted.record_key = source_rows.record_key
)

select
    compared.record_key,
    case
        when operation in ('unchanged', 'kept', 'skipped', 'noted') then operation
        when letters.state = 'dismissed'
            and letters.payload_hash = coalesce(compared.payload_hash, '') then 'dismissed'
        when $only_dead_letters and letters.state is distinct from 'open' then 'unchanged'
        else operation
    end as operation,
    case operation when 'unchanged' then null else compared.payload end as payload,
    compared.payload_hash,
    case operation when 'unchanged' then null else acknowledged end as acknowledged,
    destination_id,
    acknowledged_in,
    case operation
        when 'create' then 1 when 'match' then 2 when 'update' then 3 when 'close' then 4 else 5
    end as send_order
from compared
left join letters on letters.record_key = compared.record_key
"""


def _plan_parameters(spec: SyncSpec, only_dead_letters: bool) -> dict[str, Any]:
    return {
        "sync_name": spec.name,
        "mode": spec.mode,
        "delete_policy": spec.effective_delete_policy,
        "only_dead_letters": only_dead_letters,
    }


def _counts(connection: duckdb.DuckDBPyConnection, source_rows: int) -> PlanCounts:
    """Count by operation, then keep only what is to be sent."""
    by_operation = dict(
        connection.execute(
            "select operation, count(*) from scratch.planned group by operation"
        ).fetchall()
    )
    connection.execute(
        "create table scratch.noted as select record_key, payload, payload_hash "
        "from scratch.planned where operation = 'noted'"
    )
    connection.execute(
        "delete from scratch.planned where operation in "
        "('unchanged', 'kept', 'skipped', 'dismissed', 'noted')"
    )
    return PlanCounts(
        source_rows=source_rows,
        creates=by_operation.get("create", 0),
        updates=by_operation.get("update", 0) + by_operation.get("match", 0),
        deletes=by_operation.get("delete", 0) + by_operation.get("close", 0),
        unchanged=by_operation.get("unchanged", 0),
        dismissed=by_operation.get("dismissed", 0),
        noted=by_operation.get("noted", 0),
        held_back=connection.execute("select count_rows from scratch.held_back").fetchone()[0],
    )


# canonical payloads ---------------------------------------------------------------------


def payload_sql(spec: SyncSpec, column_types: Mapping[str, str]) -> str:
    """The SQL of a row's canonical payload: a JSON object with the mapped fields in order.

    Text is never empty (null instead), times are ISO 8601 UTC with milliseconds, numbers are
    doubles: what a change of a column's type leaves equal stays equal.
    """
    parts = []
    for name, mapping in spec.fields.items():
        parts.append(f"{_text(name)}, {_field_sql(spec, name, mapping, column_types)}")
    return f"json_object({', '.join(parts)})"


def _field_sql(
    spec: SyncSpec, name: str, mapping: FieldMapping, column_types: Mapping[str, str]
) -> str:
    if mapping.constant is not None:
        return _constant(mapping.constant)
    if mapping.template is not None:
        parts = [
            _text(value) if kind == "text" else f"coalesce(cast({_name(value)} as varchar), '')"
            for kind, value in mapping.template_parts()
        ]
        return _cut(f"concat({', '.join(parts)})", mapping.max_length)
    column = mapping.column or ""
    kind = mapped_type(spec, name, mapping, column_types)
    return _coerced(_name(column), column_types[column], kind, mapping.max_length)


def mapped_type(
    spec: SyncSpec, name: str, mapping: FieldMapping, column_types: Mapping[str, str]
) -> FieldType:
    """The type a mapped column or template is sent with; `SourceInvalid` where none is known."""
    if mapping.column is None:
        return "text"
    source_type = column_types[mapping.column]
    kind = mapping.type or ("text" if mapping.reference else _field_type(source_type))
    if kind is None:
        raise SourceInvalid(
            f"sync {spec.name}: fields.{name}: column {mapping.column} has type {source_type}; "
            "give the field a type (text, integer, number, decimal, boolean, date, datetime)"
        )
    if kind == "decimal" and not source_type.startswith(_EXACT_TYPES):
        raise SourceInvalid(
            f"sync {spec.name}: fields.{name}: column {mapping.column} has type {source_type}, "
            "which is not exact; type decimal needs a DECIMAL or a whole number (else: number)"
        )
    return kind


def _field_type(source_type: str) -> FieldType | None:
    if source_type.startswith("DECIMAL"):
        return "number"
    if source_type.startswith("ENUM"):
        return "text"
    return _TYPES.get(source_type)


def _coerced(column: str, source_type: str, kind: FieldType, max_length: int | None) -> str:
    match kind:
        case "integer":
            return f"cast({column} as bigint)"
        case "number":
            value = f"cast({column} as double)"
            return f"case when isfinite({value}) then {value} end"
        case "decimal":
            return f"cast({column} as varchar)"
        case "boolean":
            return f"cast({column} as boolean)"
        case "date":
            return f"strftime(cast({column} as date), '%Y-%m-%d')"
        case "datetime":
            moment = (
                f"({column} at time zone 'UTC')"
                if source_type == "TIMESTAMP WITH TIME ZONE"
                else f"cast({column} as timestamp)"
            )
            return f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.%gZ')"
    return _cut(f"cast({column} as varchar)", max_length)


def _cut(expression: str, max_length: int | None) -> str:
    cut = expression if max_length is None else f"left({expression}, {max_length})"
    return f"nullif({cut}, '')"


def _constant(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    return f"cast({value!r} as {'double' if isinstance(value, float) else 'bigint'})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str | None) -> str:
    return '"' + (value or "").replace('"', '""') + '"'
