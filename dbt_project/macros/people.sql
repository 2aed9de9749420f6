{#-
    Whose an event is: of who was signed in, else of who had the device then, else of its owner.
    Wants the imports user_people, devices and device_spans.

    select {{ person_of_event() }} as person_id
    from details
    {{ joins_to_people('details', 'event_at') }}
-#}
{% macro person_of_event() -%}
    coalesce(user_people.person_id, device_spans.person_id, devices.person_id)
{%- endmacro %}


{% macro joins_to_people(events, at) -%}
    left join user_people on {{ events }}.user_id = user_people.user_id
    left join devices on {{ events }}.anonymous_id = devices.anonymous_id
    left join device_spans
        on
            {{ events }}.anonymous_id = device_spans.anonymous_id
            and {{ events }}.{{ at }} >= device_spans.valid_from
            and {{ events }}.{{ at }} < device_spans.valid_to
{%- endmacro %}
