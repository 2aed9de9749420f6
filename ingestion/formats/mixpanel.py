"""Mixpanel: rows of its raw event export.

| Mixpanel | becomes |
|---|---|
| `$identify` | identify; traits are the `$email`, `$name`, … among its properties |
| `$create_alias`, `$merge` | alias |
| `$mp_web_page_view` | page |
| all else, also `$session_start` and `$mp_click` | track, under its name |

Ids are read in both of Mixpanel's systems: ``$device_id`` and ``$user_id`` (simplified
merge), and ``distinct_id``, ``$anon_id`` and ``$identified_id`` (original merge); the mark
``$device:`` before a device's id is taken off. Mixpanel has no group calls: an account is a
property (a group key), and its traits are not in this export. ``time`` is in seconds, or in
milliseconds where that was asked for, and must be UTC: projects from before 2023 export in
the project's time zone, which no row shows.
"""

from ingestion.formats.calls import (
    CallFormat,
    campaign_values,
    looks_generated,
    object_or_empty,
    row_hash,
)
from ingestion.formats.groups import group_steps

# properties that may hold the account: an id, or a group key (which comes as a list)
_ACCOUNT_IDS = ("account_id", "company_id", "organization_id", "org_id", "workspace_id",
                "tenant_id", "customer_id", "team_id", "$group_id")  # fmt: skip
_ACCOUNT_KEYS = ("account", "company", "organization", "org", "workspace", "team")
_TRAITS = {
    "email": ("$email", "email"),
    "name": ("$name", "name"),
    "first_name": ("$first_name", "first_name"),
    "last_name": ("$last_name", "last_name"),
    "title": ("$title", "title"),
    "email_verified": ("$email_verified", "email_verified"),
}


def _field(name: str) -> str:
    return "f_" + name.replace("$", "s_")


def _own(name: str) -> str:
    return f'$.properties."{name}"'


def _without_mark(field: str) -> str:
    return (
        f"nullif(case when starts_with({field}, '$device:') "
        f"then substr({field}, 9) else {field} end, '')"
    )


def _time(field: str) -> str:
    # a hundred thousand million seconds is the year 5138; as milliseconds it is 1973
    number = f"try_cast({field} as decimal(22, 6))"
    return (
        f"case when {number} between 0 and 99999999999 "
        f"then make_timestamp(cast({number} * 1000000 as bigint)) "
        f"when {number} between 100000000000 and 253402300799999 "
        f"then make_timestamp(cast({number} * 1000 as bigint)) "
        f"when {number} is null then iso_time({field}) end"
    )


_traits_given = ", ".join(
    f"'{name}', coalesce({', '.join(_field(key) for key in keys)})"
    for name, keys in _TRAITS.items()
)
_account_keys = ", ".join(
    f"case when starts_with({_field(name)}, '[') then {_field(name)} end" for name in _ACCOUNT_KEYS
)
_account_ids = ", ".join(f"nullif({_field(name)}, '')" for name in _ACCOUNT_IDS)

MIXPANEL = CallFormat(
    fields={
        "f_event": "$.event",
        "f_properties": "$.properties",
        "f_time": "$.properties.time",
        "f_distinct_id": "$.properties.distinct_id",
        "f_insert_id": _own("$insert_id"),
        "f_device_id": _own("$device_id"),
        "f_user_id": _own("$user_id"),
        "f_anon_distinct_id": _own("$anon_distinct_id"),
        "f_anon_id": _own("$anon_id"),
        "f_identified_id": _own("$identified_id"),
        "f_alias": "$.properties.alias",
        "f_merged_first": _own("$distinct_ids") + "[0]",
        "f_merged_second": _own("$distinct_ids") + "[1]",
        "f_processed": "$.properties.mp_processing_time_ms",
        "f_received": _own("$mp_api_timestamp_ms"),
        "f_groups": _own("$groups"),
        "f_url": _own("$current_url"),
        "f_url_search": "$.properties.current_url_search",
        "f_page_title": "$.properties.current_page_title",
        "f_referrer": _own("$referrer"),
        "f_initial_referrer": _own("$initial_referrer"),
        "f_ip": "$.properties.ip",
        "f_own_ip": _own("$ip"),
        "f_user_agent": _own("$user_agent"),
        "f_utm_source": "$.properties.utm_source",
        "f_utm_medium": "$.properties.utm_medium",
        "f_utm_campaign": "$.properties.utm_campaign",
        "f_utm_term": "$.properties.utm_term",
        "f_utm_content": "$.properties.utm_content",
        **{_field(name): _own(name) for name in (*_ACCOUNT_IDS, *_ACCOUNT_KEYS)},
        **{_field(name): _own(name) for names in _TRAITS.values() for name in names},
    },
    plain=(
        "f_event",
        "f_time",
        "f_distinct_id",
        "f_insert_id",
        "f_device_id",
        "f_user_id",
        "f_anon_distinct_id",
        "f_anon_id",
        "f_identified_id",
        "f_alias",
        "f_merged_first",
        "f_merged_second",
        "f_processed",
    ),
    steps={
        "message_id": f"coalesce(given(f_insert_id), {row_hash()})",
        "call_type": """
            case
                when f_event = '$identify' then 'identify'
                when f_event in ('$create_alias', '$merge') then 'alias'
                when f_event = '$mp_web_page_view' then 'page'
                else 'track'
            end
        """,
        "event_name": "case call_type when 'page' then f_page_title else f_event end",
        "distinct_id": _without_mark("f_distinct_id"),
        "device_id": _without_mark("f_device_id"),
        "is_anonymous": f"""
            case
                when starts_with(f_distinct_id, '$device:') or distinct_id = device_id then true
                when given(f_user_id) is not null then false
                -- a library made it up and nobody has said who it is
                else device_id is not null and {looks_generated("distinct_id")}
            end
        """,
        # of two ids put together, the one that no library made up is the user
        "first_id": "case when f_event = '$merge' then nullif(f_merged_first, '') "
        "when call_type = 'alias' then nullif(f_alias, '') end",
        "second_id": "case when f_event = '$merge' then nullif(f_merged_second, '') "
        "when call_type = 'alias' then nullif(f_distinct_id, '') end",
        "is_second_the_user": f"{looks_generated('first_id')} "
        f"and not {looks_generated('second_id')}",
        "user_id": "case when call_type = 'alias' then "
        f"{_without_mark('case when is_second_the_user then second_id else first_id end')} "
        "else coalesce("
        "case when call_type = 'identify' then nullif(f_identified_id, '') end, "
        "nullif(f_user_id, ''), case when not is_anonymous then distinct_id end) end",
        "anonymous_id": "case when call_type != 'alias' then coalesce("
        "case when call_type = 'identify' then coalesce("
        f"{_without_mark('f_anon_distinct_id')}, {_without_mark('f_anon_id')}) end, "
        "device_id, case when is_anonymous then distinct_id end) end",
        "previous_id": "case when call_type = 'alias' then "
        f"{_without_mark('case when is_second_the_user then first_id else second_id end')} end",
        **group_steps("f_groups"),
        "account_property": f"coalesce({_account_ids}, {_account_keys})",
        "group_id": "coalesce(account_group, nullif(case when starts_with(account_property, '[') "
        "and json_valid(account_property) then json_extract_string(account_property, '$[0]') "
        "else account_property end, ''))",
        "given_at": "f_time",
        "said_at": _time("f_time"),
        "sent_at": "cast(null as timestamp)",
        "given_received_at": "coalesce(given(f_processed), given(f_received))",
        "said_received_at": _time("given_received_at"),
        "event_at": "said_at",
        "properties": object_or_empty("f_properties"),
        "traits": "case when call_type = 'identify' "
        f"then cast(json_merge_patch('{{}}', json_object({_traits_given})) as varchar) "
        "else '{}' end",
    },
    values={
        "ip": "coalesce(f_own_ip, f_ip)",
        "user_agent": "f_user_agent",
        "page_url": "f_url",
        # the first referrer ever stands in only where the row does not show the page whole
        "referrer_url": "nullif(given(coalesce(given(f_referrer), "
        "case when call_type = 'page' and f_url_search is null then f_initial_referrer end)), "
        "'$direct')",
        **campaign_values("f_url_search is not null"),
    },
    names={
        "user": "$user_id",
        "anonymous": "$device_id or distinct_id",
        "previous": "alias",
        "group": "a group key",
        "timestamp": "time",
        "received": "mp_processing_time_ms",
    },
    json_columns=("properties",),
    text_objects=("f_properties",),
)
