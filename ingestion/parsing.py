"""How a JSON line of each source becomes a row of the lake, or a refused row: as SQL.

A parser is a select over ``lines(file_no, line_number, line)`` that gives the dataset's
columns (without those of origin) plus ``file_no``, ``line_number``, ``reason`` (NULL: the
row is accepted), ``detail`` and ``raw``. Parsers are pure text; nothing is read here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ingestion.lake import sql_text
from ingestion.lines import RAW_BYTES_KEPT

CALL_TYPES = ("identify", "track", "page", "screen", "group", "alias")
FUTURE_TOLERANCE_HOURS = 24
_BLANKS = r"E' \t\r\n'"
EARLIEST = "2000-01-01"  # a clock that was never set says 1970; no such day may enter a model

# Set-wise helpers, created in the connection that parses
MACROS = (
    # DuckDB's cast to TIMESTAMP drops an offset: cast with time zone (the connection's is
    # UTC), then to UTC. The range keeps out 'infinity' and years of five digits.
    """
    create or replace macro iso_time(text) as
        case
            -- what most libraries write; a fraction of the time of the general cast
            when try_strptime(text, '%Y-%m-%dT%H:%M:%S.%gZ')
                between timestamp '1000-01-01' and timestamp '9999-12-31'
                then try_strptime(text, '%Y-%m-%dT%H:%M:%S.%gZ')
            when try_cast(text as timestamptz)
                between timestamptz '1000-01-01' and timestamptz '9999-12-31'
                then cast(try_cast(text as timestamptz) as timestamp)
        end
    """,
    # blank is not given
    """
    create or replace macro given(text) as
        case
            when text = '' or (starts_with(text, ' ') and trim(text) = '') then null
            else text
        end
    """,
    # NaN and Infinity, which DuckDB reads and writes but JSON does not have
    r"""
    create or replace macro has_no_number(text) as
        case
            when contains(text, 'NaN') or contains(text, 'Infinity')
                then regexp_matches(
                    regexp_replace(text, '"([^"\\]|\\.)*"', '""', 'g'), 'NaN|Infinity'
                )
            else false
        end
    """,
    # a JSON object as text; NULL when it is something else
    """
    create or replace macro object_text(text) as
        case
            when starts_with(text, '{') and json_valid(text) and not has_no_number(text) then text
        end
    """,
    # true where the text came from an object or an array instead of a plain value
    """
    create or replace macro is_nested(line, path, text) as
        case
            when starts_with(text, '{') or starts_with(text, '[')
                then json_type(line, path) in ('OBJECT', 'ARRAY')
            else false
        end
    """,
    f"""
    create or replace macro kept(line) as
        replace(
            case
                when length(line) > {RAW_BYTES_KEPT}
                    then left(line, {RAW_BYTES_KEPT}) || ' … [cut: ' || length(line) || ' letters]'
                else rtrim(line, E'\\r\\n')
            end,
            chr(0), '\\x00'
        )
    """,
)


@dataclass(frozen=True)
class Parser:
    """A source's rules. ``fields``: name → JSON path, all taken in one pass over the line.

    ``checks``: ordered ``(condition, reason, detail)`` SQL; the first true one refuses the
    row. ``values``: lake column → SQL over the fields. ``steps``: named expressions that
    both may use, in order of need. A step that names an earlier one repeats its SQL: where
    that grows too big, ``layers`` go before, each taken from the one before it.
    """

    fields: Mapping[str, str]
    plain: tuple[str, ...]  # fields that may not be objects or arrays
    steps: Mapping[str, str]
    checks: tuple[tuple[str, str, str], ...]
    values: Mapping[str, str]
    layers: tuple[Mapping[str, str], ...] = ()


def parser_sql(parser: Parser) -> str:
    """The select a `Parser` stands for."""
    paths = ", ".join(sql_text(path) for path in parser.fields.values())
    fields = ",\n        ".join(
        f'taken[{index}] as "{name}"' for index, name in enumerate(parser.fields, start=1)
    )
    layers, last = "", "fields_named"
    for number, layer in enumerate(parser.layers, start=1):
        named = ", ".join(f'{sql} as "{name}"' for name, sql in layer.items())
        layers += f"layer_{number} as (select *, {named} from {last}),\n\n    "
        last = f"layer_{number}"
    # each step sees the ones before it
    steps = "".join(f',\n        {sql} as "{name}"' for name, sql in parser.steps.items())
    nested = [
        (
            f"is_nested(line, {sql_text(parser.fields[name])}, {name})",
            "bad_value",
            sql_text(f"{parser.fields[name][2:]}: a plain value was expected"),
        )
        for name in parser.plain
    ]
    checks = (
        (_unless("is_json", f"trim(line, {_BLANKS}) = ''"), "blank", "null"),
        ("not is_json", "malformed_json", "null"),
        (
            _unless("starts_with(line, '{')", f"not starts_with(ltrim(line, {_BLANKS}), '{{')"),
            "not_an_object",
            "null",
        ),
        *nested,
        *parser.checks,
    )
    reason = "\n".join(f"when {test} then {sql_text(code)}" for test, code, _ in checks)
    detail = "\n".join(f"when {test} then {text}" for test, _, text in checks)
    values = ",\n        ".join(f'{sql} as "{name}"' for name, sql in parser.values.items())
    return f"""
    with

    read as (
        select file_no, line_number, line, json_valid(line) as is_json
        from lines
    ),

    fields_taken as (
        select
            *,
            json_extract_string(case when is_json then line else 'null' end, [{paths}]) as taken
        from read
    ),

    fields_named as (
        select
        file_no, line_number, line, is_json,
        {fields}
        from fields_taken
    ),

    {layers}steps_taken as (
        select *{steps}
        from {last}
    ),

    judged as (
        select *, case {reason} end as reason
        from steps_taken
    )

    select
        file_no,
        line_number,
        reason,
        case when reason is not null then case {detail} end end as detail,
        case when reason is not null then kept(line) end as raw,
        {values}
    from judged
    """


def _unless(usual: str, test: str) -> str:
    # a plain `and` would evaluate both sides on every line: trimming copies a line whole
    return f"case when {usual} then false else {test} end"


def stripe_events_parser(_part: str, now: datetime, told_at: datetime) -> Parser:
    """Webhook envelopes of Stripe: one ``event`` object a line, received at ``told_at``."""
    return Parser(
        fields={
            "f_id": "$.id",
            "f_type": "$.type",
            "f_created": "$.created",
            "f_api_version": "$.api_version",
            "f_livemode": "$.livemode",
            "f_object": "$.data.object",
            "f_object_type": "$.data.object.object",
            "f_object_id": "$.data.object.id",
            "f_previous": "$.data.previous_attributes",
        },
        plain=("f_id", "f_type", "f_created", "f_object_type", "f_object_id"),
        steps={
            "event_id": "given(f_id)",
            "event_type": "given(f_type)",
            "created_at": _epoch("f_created"),
            "object_body": "object_text(f_object)",
            "previous": "case when given(f_previous) is null then '{}' "
            "else object_text(f_previous) end",
            "livemode": "try_cast(f_livemode as boolean)",
        },
        checks=(
            ("event_id is null", "missing_id", "'a Stripe event needs an id'"),
            ("event_type is null", "missing_type", "null"),
            *_created_checks("f_created", now),
            ("object_body is null", "bad_value", "'data.object: a JSON object was expected'"),
            (
                "previous is null",
                "bad_value",
                "'data.previous_attributes: a JSON object was expected'",
            ),
            (
                "given(f_livemode) is not null and livemode is null",
                "bad_value",
                "'livemode: ' || left(f_livemode, 100) || ' is neither true nor false'",
            ),
        ),
        values={
            "event_id": "event_id",
            "event_type": "event_type",
            "created_at": "created_at",
            "api_version": "f_api_version",
            # an envelope without the field comes from live mode: test doubles write it
            "is_livemode": "coalesce(livemode, true)",
            "object_type": "f_object_type",
            "object_id": "f_object_id",
            "object": "object_body",
            "previous_attributes": "previous",
            "received_at": sql_timestamp(min(told_at, now)),
        },
    )


def stripe_objects_parser(part: str, now: datetime, told_at: datetime) -> Parser:
    """Objects of Stripe's list API, one a line, in the folder named after the list.

    ``told_at``: when they were as the file says.
    """
    singular = part[:-3] + "y" if part.endswith("ies") else part.removesuffix("s")
    return Parser(
        fields={
            "f_id": "$.id",
            "f_object": "$.object",
            "f_created": "$.created",
            "f_livemode": "$.livemode",
            "f_body": "$",
        },
        plain=("f_id", "f_object", "f_created"),
        steps={
            "object_id": "given(f_id)",
            "created_at": _epoch("f_created"),
            "livemode": "try_cast(f_livemode as boolean)",
        },
        checks=(
            ("object_id is null", "missing_id", "'a Stripe object needs an id'"),
            ("has_no_number(f_body)", "bad_value", "'NaN or Infinity is no JSON'"),
            # some lists (subscription items) carry no `created`
            *_created_checks("f_created", now, required=False),
            (
                "given(f_livemode) is not null and livemode is null",
                "bad_value",
                "'livemode: ' || left(f_livemode, 100) || ' is neither true nor false'",
            ),
        ),
        values={
            "object_type": f"coalesce(given(f_object), {sql_text(singular)})",
            "object_id": "object_id",
            "created_at": "created_at",
            "is_livemode": "coalesce(livemode, true)",
            "object": "f_body",
            "pulled_at": sql_timestamp(min(told_at, now)),
        },
    )


def crm_parser(part: str, now: datetime, told_at: datetime) -> Parser:
    """CRM records: Salesforce-shaped (``Id``), else HubSpot-shaped (``id``, ``properties``).

    Where the pipeline's now stands still (a demo), a CRM that goes on by the wall clock is no
    reason to refuse what it says: the future begins when the file was told.
    """
    latest = max(now, told_at)
    limit = f"to_hours({FUTURE_TOLERANCE_HOURS})"
    return Parser(
        fields={
            "f_sf_id": "$.Id",
            "f_hs_id": "$.id",
            "f_sf_modified": "$.SystemModstamp",
            "f_sf_last_modified": "$.LastModifiedDate",
            "f_hs_modified": "$.updatedAt",
            "f_hs_archived_at": "$.archivedAt",
            "f_sf_deleted": "$.IsDeleted",
            "f_hs_deleted": "$.archived",
            "f_body": "$",
        },
        plain=("f_sf_id", "f_hs_id", "f_sf_modified", "f_sf_last_modified", "f_hs_modified"),
        steps={
            "record_id": "coalesce(given(f_sf_id), given(f_hs_id))",
            "f_modified": "coalesce(given(f_sf_modified), given(f_sf_last_modified), "
            "given(f_hs_modified))",
            # HubSpot does not count archiving as a change of the record
            "modified_at": "case when iso_time(f_modified) is not null "
            "then greatest(iso_time(f_modified), iso_time(f_hs_archived_at)) end",
            "f_deleted": "coalesce(given(f_sf_deleted), given(f_hs_deleted))",
            "is_deleted": "try_cast(f_deleted as boolean)",
        },
        checks=(
            ("record_id is null", "missing_id", "'a CRM record needs Id (or id)'"),
            ("has_no_number(f_body)", "bad_value", "'NaN or Infinity is no JSON'"),
            ("f_modified is null", "missing_timestamp", "'SystemModstamp (or updatedAt)'"),
            ("modified_at is null", "bad_timestamp", "'modified: ' || left(f_modified, 100)"),
            (
                f"modified_at < timestamp '{EARLIEST}'",
                "bad_timestamp",
                f"'before {EARLIEST}: modified ' || modified_at",
            ),
            (
                f"modified_at > {sql_timestamp(latest)} + {limit}",
                "timestamp_in_future",
                f"'modified at ' || modified_at || ', now is {naive_text(latest)}'",
            ),
            (
                "f_deleted is not null and is_deleted is null",
                "bad_value",
                "'IsDeleted: ' || left(f_deleted, 100) || ' is neither true nor false'",
            ),
        ),
        values={
            "crm": "case when given(f_sf_id) is not null then 'salesforce' else 'hubspot' end",
            "object_name": sql_text(part.lower()),
            "record_id": "record_id",
            "record": "f_body",
            "modified_at": "modified_at",
            "is_deleted": "coalesce(is_deleted, false)",
        },
    )


def naive_text(now: datetime) -> str:
    return now.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def sql_timestamp(now: datetime) -> str:
    return f"timestamp {sql_text(naive_text(now))}"


def _epoch(name: str) -> str:
    # whole seconds of Unix time that a four-digit year can show
    return (
        f"case when try_cast({name} as bigint) between 0 and 253402300799 "
        f"and regexp_full_match({name}, '[0-9]+') "
        f"then make_timestamp(try_cast({name} as bigint) * 1000000) end"
    )


def _created_checks(
    name: str, now: datetime, required: bool = True
) -> tuple[tuple[str, str, str], ...]:
    missing = ((f"given({name}) is null", "missing_timestamp", "'created'"),) if required else ()
    return (
        *missing,
        (
            f"given({name}) is not null and created_at is null",
            "bad_timestamp",
            f"'created: ' || left({name}, 100)",
        ),
        (
            f"created_at < timestamp '{EARLIEST}'",
            "bad_timestamp",
            f"'before {EARLIEST}: created ' || created_at",
        ),
        (
            f"created_at > {sql_timestamp(now)} + to_hours({FUTURE_TOLERANCE_HOURS})",
            "timestamp_in_future",
            f"'created at ' || created_at || ', now is {naive_text(now)}'",
        ),
    )
