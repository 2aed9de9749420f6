"""Amplitude: rows of its Export API, one event an object.

| Amplitude | becomes |
|---|---|
| `$identify` | identify; traits are `$set` over `$setOnce`, else all `user_properties` |
| `$identify` that sets nothing but groups (`setGroup`) | group |
| `$groupidentify` | group, with `group_properties` as traits |
| `[Amplitude] Page Viewed`, `[Amplitude] Screen Viewed` | page, screen |
| all else, also `session_start` and `[Amplitude] Element Clicked` | track, under its name |

Times are UTC without saying so. ``event_at`` is ``server_received_time -
(client_upload_time - client_event_time)`` where all are given, else ``event_time`` (which
Amplitude corrected in the same way). ``user_properties`` of other events are Amplitude's
state of the user: the event's traits.
"""

from ingestion.formats.calls import CallFormat, campaign_values, object_or_empty, row_hash
from ingestion.formats.groups import group_steps

AMPLITUDE = CallFormat(
    fields={
        "f_uuid": "$.uuid",
        "f_insert_id": '$."$insert_id"',
        "f_event": "$.event_type",
        "f_user_id": "$.user_id",
        "f_device_id": "$.device_id",
        "f_event_time": "$.event_time",
        "f_client_event_time": "$.client_event_time",
        "f_client_upload_time": "$.client_upload_time",
        "f_server_received_time": "$.server_received_time",
        "f_server_upload_time": "$.server_upload_time",
        "f_ip": "$.ip_address",
        "f_user_agent": "$.user_agent",
        "f_groups": "$.groups",
        "f_properties": "$.event_properties",
        "f_user_properties": "$.user_properties",
        "f_set": '$.user_properties."$set"',
        "f_set_once": '$.user_properties."$setOnce"',
        "f_group_properties": "$.group_properties",
        "f_group_set": '$.group_properties."$set"',
        "f_location": '$.event_properties."[Amplitude] Page Location"',
        "f_url": '$.event_properties."[Amplitude] Page URL"',
        "f_title": '$.event_properties."[Amplitude] Page Title"',
        "f_screen": '$.event_properties."[Amplitude] Screen Name"',
        "f_referrer": "$.event_properties.referrer",
        "f_utm_source": "$.event_properties.utm_source",
        "f_utm_medium": "$.event_properties.utm_medium",
        "f_utm_campaign": "$.event_properties.utm_campaign",
        "f_utm_term": "$.event_properties.utm_term",
        "f_utm_content": "$.event_properties.utm_content",
    },
    plain=(
        "f_uuid",
        "f_insert_id",
        "f_event",
        "f_user_id",
        "f_device_id",
        "f_event_time",
        "f_client_event_time",
        "f_server_received_time",
        "f_server_upload_time",
    ),
    steps={
        "message_id": f"coalesce(given(f_uuid), given(f_insert_id), {row_hash()})",
        **group_steps("f_groups"),
        "newer_traits": object_or_empty("f_set"),
        "older_traits": object_or_empty("f_set_once"),
        "user_traits": f"""
            case
                when newer_traits is null or older_traits is null then null
                when coalesce(f_set, f_set_once) is null then {object_or_empty("f_user_properties")}
                -- merging walks down both: not where one could be nested without end
                when older_traits = '{{}}' or length(newer_traits) + length(older_traits) > 65536
                    then newer_traits
                else cast(json_merge_patch(older_traits, newer_traits) as varchar)
            end
        """,
        "call_type": """
            case
                when f_event = '$groupidentify' then 'group'
                when f_event = '$identify' and account_group is not null
                    and len(list_filter(json_keys(user_traits), lambda key:
                        not list_contains(json_keys(groups), key))) = 0
                    then 'group'
                when f_event = '$identify' then 'identify'
                when f_event = '[Amplitude] Page Viewed' then 'page'
                when f_event = '[Amplitude] Screen Viewed' then 'screen'
                else 'track'
            end
        """,
        "event_name": "case call_type when 'page' then f_title when 'screen' then f_screen "
        "else f_event end",
        "user_id": "nullif(f_user_id, '')",
        "anonymous_id": "nullif(f_device_id, '')",
        "previous_id": "cast(null as varchar)",
        "group_id": "account_group",
        "given_at": "coalesce(given(f_event_time), given(f_client_event_time))",
        "said_at": "iso_time(given_at)",
        "sent_at": "iso_time(f_client_upload_time)",
        "given_received_at": "coalesce(given(f_server_received_time), given(f_server_upload_time))",
        "said_received_at": "iso_time(given_received_at)",
        "event_at": "coalesce(iso_time(f_server_received_time) "
        "- (sent_at - iso_time(f_client_event_time)), said_at)",
        "properties": object_or_empty("f_properties"),
        # operations, or what is known by kind and key of the group, or the properties alone
        "group_properties": object_or_empty("f_group_properties"),
        "group_traits": "case when f_group_set is not null then object_text(f_group_set) "
        "else coalesce(object_text(json_extract_string(group_properties, '$.*.*')[1]), "
        "group_properties) end",
        "traits": """
            case
                when f_event = '$groupidentify' then group_traits
                when call_type = 'group' then '{}'
                when call_type = 'identify' then user_traits
                -- the state of the user; what is none is no reason to refuse the event
                else coalesce(user_traits, '{}')
            end
        """,
    },
    values={
        "ip": "f_ip",
        "user_agent": "f_user_agent",
        "page_url": "coalesce(given(f_location), f_url)",
        "referrer_url": "given(f_referrer)",
        **campaign_values("false"),
    },
    names={
        "user": "user_id",
        "anonymous": "device_id",
        "previous": "previous_id",
        "group": "groups",
        "timestamp": "event_time",
        "received": "server_received_time",
    },
    json_columns=(
        "event_properties",
        "user_properties",
        "groups",
        "group_properties",
    ),
    text_objects=("f_properties", "f_user_properties", "f_groups"),
    is_group_without_person_accepted=True,
)
