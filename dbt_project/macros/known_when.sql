{#- States of subscription items with `heard_at`: when we heard of each. What the first load brought was history
    then and counts as known when it was made; a later load tells at its own time. -#}
{% macro states_as_heard(item_states) -%}
    select
        states.*,
        case
            when states.known_in_load > first_load.load_id then states.known_at
            when states.event_rank < 3 then states.event_created_at
            else states.effective_at
        end as heard_at
    from {{ item_states }} as states
    cross join (select min(known_in_load) as load_id from {{ item_states }}) as first_load
{%- endmacro %}
