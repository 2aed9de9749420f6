"""A call of the tracking spec, whatever the format: what it must carry and where it goes.

A `CallFormat` says how a format spells the parts of a call; `calls_parser` adds what is the
same for all: the rules that refuse a row and the columns of ``lake/events``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ingestion.lake import sql_text
from ingestion.parsing import (
    CALL_TYPES,
    EARLIEST,
    FUTURE_TOLERANCE_HOURS,
    Parser,
    naive_text,
    sql_timestamp,
)

CAMPAIGN = ("source", "medium", "campaign", "term", "content")


@dataclass(frozen=True)
class CallFormat:
    """How a format spells a call.

    ``fields``, ``plain``: as in `Parser`. ``steps`` must give ``message_id``, ``call_type``,
    ``event_name``, ``user_id``, ``anonymous_id``, ``previous_id``, ``group_id``,
    ``given_at`` and ``given_received_at`` (times as text), ``said_at`` and
    ``said_received_at`` (the same as UTC timestamps), ``sent_at``, ``event_at`` (corrected
    for skew), ``properties`` and ``traits`` (JSON objects as text). ``values``: the lake's
    columns from ``ip`` to ``utm_content``. ``names``: what the format calls the parts that a
    refusal may speak of. ``text_objects``: fields that must be objects and not JSON written
    as text, which would hide what is in them.
    """

    fields: Mapping[str, str]
    plain: tuple[str, ...]
    steps: Mapping[str, str]
    values: Mapping[str, str]
    names: Mapping[str, str]
    json_columns: tuple[str, ...]
    text_objects: tuple[str, ...] = ()
    # steps build on steps: without layers, PostHog's SQL took three seconds to plan
    is_layered: bool = True
    # a server that describes an account acts for nobody
    is_group_without_person_accepted: bool = False


def calls_parser(source_format: str, now: datetime, form: CallFormat) -> Parser:
    """The `Parser` of a format; ``now`` stands in where the time of receipt is not given."""
    return Parser(
        fields=form.fields,
        plain=form.plain,
        layers=layers_of(form.steps) if form.is_layered else (),
        steps={
            **({} if form.is_layered else form.steps),
            "received_at": f"case when given(given_received_at) is null then {sql_timestamp(now)} "
            "else said_received_at end",
        },
        checks=(*_text_checks(form), *_call_checks(form, now)),
        values={
            "message_id": "message_id",
            "call_type": "call_type",
            "event_name": "case call_type when 'track' then event_name "
            "when 'page' then given(event_name) when 'screen' then given(event_name) end",
            "user_id": "user_id",
            "anonymous_id": "anonymous_id",
            "previous_id": "previous_id",
            "group_id": "group_id",
            "event_at": "event_at",
            "sent_at": "sent_at",
            "received_at": "received_at",
            **form.values,
            "properties": "properties",
            "traits": "traits",
            "source_format": sql_text(source_format),
            "received_date": "cast(received_at as date)",
        },
    )


def _call_checks(form: CallFormat, now: datetime) -> tuple[tuple[str, str, str], ...]:
    names = form.names
    limit = f"to_hours({FUTURE_TOLERANCE_HOURS})"
    # a chain, not a list: DuckDB makes a join of `not in`
    is_unknown = " and ".join(f"call_type != {sql_text(name)}" for name in CALL_TYPES)
    nobody = "user_id is null and anonymous_id is null"
    if form.is_group_without_person_accepted:
        nobody += " and call_type != 'group'"
    return (
        ("message_id is null", "missing_message_id", "null"),
        ("call_type is null", "missing_type", "null"),
        (is_unknown, "unknown_type", "'type: ' || left(call_type, 100)"),
        ("call_type = 'track' and given(event_name) is null", "missing_event_name", "null"),
        (
            "call_type = 'alias' and (previous_id is null or user_id is null)",
            "missing_id",
            sql_text(f"an alias needs {names['previous']} and {names['user']}"),
        ),
        (
            "call_type = 'group' and group_id is null",
            "missing_id",
            sql_text(f"a group call needs {names['group']}"),
        ),
        (nobody, "missing_id", sql_text(f"neither {names['user']} nor {names['anonymous']}")),
        ("given(given_at) is null", "missing_timestamp", "null"),
        (
            f"said_at is null or {_has_impossible_offset('given_at')}",
            "bad_timestamp",
            f"{sql_text(names['timestamp'] + ': ')} || left(given_at, 100)",
        ),
        (
            f"received_at is null or {_has_impossible_offset('given_received_at')}",
            "bad_timestamp",
            f"{sql_text(names['received'] + ': ')} || left(given_received_at, 100)",
        ),
        (
            f"event_at < timestamp '{EARLIEST}' or received_at < timestamp '{EARLIEST}'",
            "bad_timestamp",
            f"'before {EARLIEST}: event at ' || event_at || ', received at ' || received_at",
        ),
        (
            f"event_at > received_at + {limit}",
            "timestamp_in_future",
            "'event at ' || event_at || ', received at ' || received_at",
        ),
        (
            f"received_at > {sql_timestamp(now)} + {limit}",
            "timestamp_in_future",
            f"'received at ' || received_at || ', now is {naive_text(now)}'",
        ),
        ("properties is null", "bad_value", "'properties: a JSON object was expected'"),
        ("traits is null", "bad_value", "'traits: a JSON object was expected'"),
    )


def _has_impossible_offset(text: str) -> str:
    # DuckDB takes any offset from UTC; there is none of more than 14 hours
    offset = sql_text(":[0-9.]+ ?[+-](1[5-9]|[2-9][0-9]|14:?(0[1-9]|[1-9]))")
    return (
        f"case when {text} is null or ends_with({text}, 'Z') then false "
        f"else regexp_matches({text}, {offset}) end"
    )


def _text_checks(form: CallFormat) -> tuple[tuple[str, str, str], ...]:
    if not form.text_objects:
        return ()
    # everything else is in there; and the text is looked at first: the JSON is parsed again
    # only where there may be a case
    return (
        ("properties is null", "bad_value", "'properties: a JSON object was expected'"),
        (
            "case when starts_with(group_id, '{') then json_valid(group_id) else false end",
            "bad_value",
            "'the account: a plain value was expected'",
        ),
        *(
            (
                f"""
            case
                when starts_with({name}, '{{') and contains(line, '\\"')
                    then json_type(line, {sql_text(form.fields[name])}) = 'VARCHAR'
                else false
            end
            """,
                "bad_value",
                sql_text(f"{form.fields[name][2:]}: a JSON object was expected, not one as text"),
            )
            for name in form.text_objects
        ),
    )


def layers_of(steps: Mapping[str, str]) -> tuple[dict[str, str], ...]:
    """The steps by depth: each layer names only fields and steps of the layers before it."""
    layers: list[dict[str, str]] = []
    depths: dict[str, int] = {}
    for name, sql in steps.items():
        words = set(re.findall(r"\w+", sql))
        depths[name] = 1 + max((depths[word] for word in words & depths.keys()), default=-1)
        if depths[name] == len(layers):
            layers.append({})
        layers[depths[name]][name] = sql
    return tuple(layers)


def object_or_empty(field: str) -> str:
    """The field's JSON object; ``{}`` when it is not given, NULL when it is something else."""
    return f"case when given({field}) is null then '{{}}' else object_text({field}) end"


def row_hash() -> str:
    """An id for a row whose vendor gave none: equal rows are one, however they are spaced."""
    return "case when json_valid(line) then 'row-' || md5(cast(json(line) as varchar)) end"


def looks_generated(text: str) -> str:
    """True where an id is one a library made up: a UUID, or marked as a device's."""
    uuid = "[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    return (
        f"(starts_with({text}, '$device:') or (length({text}) = 36 "
        f"and regexp_full_match({text}, {sql_text(uuid)})))"
    )


def page_query(name: str) -> str:
    """A parameter of the query of ``page_url``, decoded; NULL when it is not there."""
    pattern = sql_text(f"[?&]{name}=([^&#]*)")
    found = f"replace(regexp_extract(page_url, {pattern}, 1), '+', ' ')"
    # url_decode raises where the bytes are no UTF-8
    return f"case when contains(page_url, '{name}=') then given(try(url_decode({found}))) end"


def campaign_values(is_query_known: str) -> dict[str, str]:
    """The ``utm_`` columns: from the page's own address, else from the fields ``f_utm_…``.

    Libraries repeat the last campaign in the fields of every later page. Where
    ``is_query_known`` the row shows the page's address whole, and only that counts.
    """
    return {
        f"utm_{name}": f"coalesce({page_query(f'utm_{name}')}, "
        f"case when not coalesce({is_query_known}, false) then f_utm_{name} end)"
        for name in CAMPAIGN
    }
