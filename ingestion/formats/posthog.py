"""PostHog: rows of a batch export (events model), or events as its capture API takes them.

| PostHog | becomes |
|---|---|
| `$identify`, `$set`, `$set_once` | identify; traits: `$set` over `$set_once`, else the person's |
| `$create_alias`, `$merge_dangerously` | alias |
| `$groupidentify` of the kind of group that is the account | group, with `$group_set` as traits |
| `$pageview`, `$screen` | page, screen |
| all else (`$pageleave`, `$autocapture`, groups of other kinds) | track, under its name |

``distinct_id`` is a user or an anonymous visitor, and only hints say which: see
``is_anonymous``. Servers describe groups under a ``distinct_id`` made up for the purpose;
such a call belongs to no person. A batch export's ``timestamp`` is corrected for skew
already; one as captured (``sent_at`` and ``now`` are there) is corrected here.
"""

from ingestion.formats.calls import (
    CallFormat,
    campaign_values,
    looks_generated,
    object_or_empty,
    row_hash,
)
from ingestion.formats.groups import group_steps, is_account_kind

# libraries that run on the visitor's device and make ids up (UUIDs of version 7)
_DEVICE_LIBRARIES = (
    "'web', 'posthog-ios', 'posthog-android', 'posthog-react-native', 'posthog-flutter'"
)

POSTHOG = CallFormat(
    fields={
        "f_uuid": "$.uuid",
        "f_event": "$.event",
        "f_distinct_id": "$.distinct_id",
        "f_timestamp": "$.timestamp",
        "f_sent_at": "$.sent_at",
        "f_now": "$.now",
        "f_created_at": "$.created_at",
        "f_inserted_at": "$._inserted_at",
        "f_ip": "$.ip",
        "f_set": '$.properties."$set"',
        "f_set_once": '$.properties."$set_once"',
        "f_top_set": '$."$set"',
        "f_top_set_once": '$."$set_once"',
        "f_person_properties": "$.person_properties",
        "f_properties": "$.properties",
        "f_properties_distinct_id": "$.properties.distinct_id",
        "f_anon_distinct_id": '$.properties."$anon_distinct_id"',
        "f_alias": "$.properties.alias",
        "f_is_identified": '$.properties."$is_identified"',
        "f_user_id": '$.properties."$user_id"',
        "f_device_id": '$.properties."$device_id"',
        "f_has_profile": '$.properties."$process_person_profile"',
        "f_library": '$.properties."$lib"',
        "f_groups": '$.properties."$groups"',
        "f_group_0": '$.properties."$group_0"',
        "f_group_type": '$.properties."$group_type"',
        "f_group_key": '$.properties."$group_key"',
        "f_group_set": '$.properties."$group_set"',
        "f_properties_ip": '$.properties."$ip"',
        "f_raw_user_agent": '$.properties."$raw_user_agent"',
        "f_user_agent": '$.properties."$user_agent"',
        "f_url": '$.properties."$current_url"',
        "f_referrer": '$.properties."$referrer"',
        "f_entry_url": '$.properties."$session_entry_url"',
        "f_title": "$.properties.title",
        "f_screen": '$.properties."$screen_name"',
        "f_utm_source": "$.properties.utm_source",
        "f_utm_medium": "$.properties.utm_medium",
        "f_utm_campaign": "$.properties.utm_campaign",
        "f_utm_term": "$.properties.utm_term",
        "f_utm_content": "$.properties.utm_content",
    },
    plain=(
        "f_uuid",
        "f_event",
        "f_distinct_id",
        "f_timestamp",
        "f_created_at",
        "f_properties_distinct_id",
        "f_anon_distinct_id",
        "f_alias",
        "f_user_id",
        "f_device_id",
        "f_group_0",
        "f_group_type",
        "f_group_key",
    ),
    steps={
        "message_id": f"coalesce(given(f_uuid), {row_hash()})",
        **group_steps("f_groups"),
        "distinct_id": "coalesce(nullif(f_distinct_id, ''), nullif(f_properties_distinct_id, ''))",
        "device_id": "nullif(f_device_id, '')",
        "is_anonymous": f"""
            case
                when f_event = '$identify' then false
                when f_is_identified in ('true', 'false') then f_is_identified = 'false'
                when given(f_user_id) is not null then false
                when distinct_id = device_id then true
                when f_has_profile = 'false' then true
                when f_library in ({_DEVICE_LIBRARIES})
                    then {looks_generated("distinct_id")} and substr(distinct_id, 15, 1) = '7'
                else false
            end
        """,
        "is_nobody": f"""
            case
                when f_event = '$groupidentify' then
                    distinct_id = '$' || f_group_type || '_' || f_group_key
                    or (
                        coalesce(f_is_identified, given(f_user_id), device_id) is null
                        and {looks_generated("distinct_id")}
                    )
                else false
            end
        """,
        "call_type": f"""
            case
                when f_event in ('$identify', '$set', '$set_once') then 'identify'
                when f_event in ('$create_alias', '$merge_dangerously') then 'alias'
                when f_event = '$pageview' then 'page'
                when f_event = '$screen' then 'screen'
                when f_event = '$groupidentify'
                    and (
                        {is_account_kind("f_group_type")}
                        or (account_group = f_group_key and len(group_keys) = 1)
                    )
                    then 'group'
                else 'track'
            end
        """,
        "event_name": "case call_type when 'page' then f_title when 'screen' then f_screen "
        "else f_event end",
        # the alias is merged into distinct_id, but libraries disagree on which is the user
        "is_alias_the_user": f"call_type = 'alias' and {looks_generated('distinct_id')} "
        f"and not {looks_generated('f_alias')}",
        "user_id": "case when is_nobody then null when call_type = 'alias' "
        "then nullif(case when is_alias_the_user then f_alias else distinct_id end, '') "
        "when not is_anonymous then distinct_id end",
        "anonymous_id": "case when is_nobody or call_type = 'alias' then null "
        "when is_anonymous then distinct_id "
        "else coalesce(nullif(f_anon_distinct_id, ''), device_id) end",
        "previous_id": "case when call_type = 'alias' "
        "then nullif(case when is_alias_the_user then distinct_id else f_alias end, '') end",
        "group_id": "case when call_type = 'group' then nullif(f_group_key, '') "
        "else coalesce(account_group, nullif(f_group_0, '')) end",
        "given_at": "f_timestamp",
        "said_at": "iso_time(f_timestamp)",
        "sent_at": "iso_time(f_sent_at)",
        "given_received_at": "coalesce(given(f_created_at), given(f_now), given(f_inserted_at))",
        "said_received_at": "iso_time(given_received_at)",
        "event_at": "coalesce(iso_time(f_now) - (sent_at - said_at), said_at)",
        "properties": object_or_empty("f_properties"),
        "newer_traits": object_or_empty("coalesce(f_set, f_top_set)"),
        "older_traits": object_or_empty("coalesce(f_set_once, f_top_set_once)"),
        "traits": f"""
            case
                when call_type = 'group' then {object_or_empty("f_group_set")}
                when newer_traits is null or older_traits is null then null
                when older_traits = '{{}}' and newer_traits = '{{}}' and call_type = 'identify'
                    then {object_or_empty("f_person_properties")}
                -- merging walks down both: not where one could be nested without end
                when older_traits = '{{}}' or length(newer_traits) + length(older_traits) > 65536
                    then newer_traits
                else cast(json_merge_patch(older_traits, newer_traits) as varchar)
            end
        """,
    },
    values={
        "ip": "coalesce(f_properties_ip, f_ip)",
        "user_agent": "coalesce(f_raw_user_agent, f_user_agent)",
        "page_url": "f_url",
        "referrer_url": "nullif(given(f_referrer), '$direct')",
        **campaign_values("f_entry_url is not null"),
    },
    names={
        "user": "distinct_id",
        "anonymous": "$device_id",
        "previous": "alias",
        "group": "$group_key",
        "timestamp": "timestamp",
        "received": "created_at",
    },
    json_columns=("properties", "person_properties", "$set", "$set_once"),
    text_objects=("f_properties", "f_person_properties"),
    is_group_without_person_accepted=True,
)
