{#- Dates and timestamps. All timestamps are UTC without a zone. -#}

{% macro month_start(value) -%}
    cast(date_trunc('month', {{ value }}) as date)
{%- endmacro %}


{#- Monday of the week. -#}
{% macro week_start(value) -%}
    cast(date_trunc('week', {{ value }}) as date)
{%- endmacro %}


{#- Whole calendar days from `first` to `second` (negative when second is earlier). -#}
{% macro days_between(first, second) -%}
    {{ return(adapter.dispatch('days_between', 'plg')(first, second)) }}
{%- endmacro %}

{% macro default__days_between(first, second) -%}
    date_diff('day', cast({{ first }} as date), cast({{ second }} as date))
{%- endmacro %}

{% macro spark__days_between(first, second) -%}
    datediff(cast({{ second }} as date), cast({{ first }} as date))
{%- endmacro %}


{#- Whole minutes elapsed from `first` to `second`. -#}
{% macro minutes_between(first, second) -%}
    {{ return(adapter.dispatch('minutes_between', 'plg')(first, second)) }}
{%- endmacro %}

{% macro default__minutes_between(first, second) -%}
    cast(floor((epoch({{ second }}) - epoch({{ first }})) / 60) as bigint)
{%- endmacro %}

{% macro spark__minutes_between(first, second) -%}
    cast(floor((unix_timestamp({{ second }}) - unix_timestamp({{ first }})) / 60) as bigint)
{%- endmacro %}


{#- A date `days` days after (a literal or a column; negative: before) `value`, as a DATE. -#}
{% macro add_days(value, days) -%}
    {{ return(adapter.dispatch('add_days', 'plg')(value, days)) }}
{%- endmacro %}

{% macro default__add_days(value, days) -%}
    cast(cast({{ value }} as date) + cast({{ days }} as integer) * interval 1 day as date)
{%- endmacro %}

{% macro spark__add_days(value, days) -%}
    date_add(cast({{ value }} as date), cast({{ days }} as int))
{%- endmacro %}


{#- A timestamp `hours` hours after `value`. -#}
{% macro add_hours(value, hours) -%}
    {{ return(adapter.dispatch('add_hours', 'plg')(value, hours)) }}
{%- endmacro %}

{% macro default__add_hours(value, hours) -%}
    ({{ value }} + cast({{ hours }} as integer) * interval 1 hour)
{%- endmacro %}

{% macro spark__add_hours(value, hours) -%}
    ({{ value }} + make_dt_interval(0, cast({{ hours }} as int)))
{%- endmacro %}


{#- A row for every day from `first` to `last`, both included, none when last is earlier.
    Goes in a select list: select account_id, {{ date_spine('start_date', 'end_date') }} as day. -#}
{% macro date_spine(first, last) -%}
    {{ return(adapter.dispatch('date_spine', 'plg')(first, last)) }}
{%- endmacro %}

{% macro default__date_spine(first, last) -%}
    cast(unnest(generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval 1 day)) as date)
{%- endmacro %}

{% macro spark__date_spine(first, last) -%}
    explode(if({{ first }} <= {{ last }}, sequence(cast({{ first }} as date), cast({{ last }} as date), interval 1 day), cast(array() as array<date>)))
{%- endmacro %}


{#- As date_spine, a row for every first of a month. `first` must itself be one. -#}
{% macro month_spine(first, last) -%}
    {{ return(adapter.dispatch('month_spine', 'plg')(first, last)) }}
{%- endmacro %}

{% macro default__month_spine(first, last) -%}
    cast(unnest(generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval 1 month)) as date)
{%- endmacro %}

{% macro spark__month_spine(first, last) -%}
    explode(if({{ first }} <= {{ last }}, sequence(cast({{ first }} as date), cast({{ last }} as date), interval 1 month), cast(array() as array<date>)))
{%- endmacro %}


{#- Aggregate: the group's values as an ascending array. -#}
{% macro collect_times(column) -%}
    {{ return(adapter.dispatch('collect_times', 'plg')(column)) }}
{%- endmacro %}

{% macro default__collect_times(column) -%}
    list_sort(list({{ column }}))
{%- endmacro %}

{% macro spark__collect_times(column) -%}
    sort_array(collect_list({{ column }}))
{%- endmacro %}


{#- The same where some are NULL: those left out, and none is an empty array. -#}
{% macro collect_times_given(column) -%}
    {{ return(adapter.dispatch('collect_times_given', 'plg')(column)) }}
{%- endmacro %}

{% macro default__collect_times_given(column) -%}
    list_sort(coalesce(list({{ column }}) filter (where {{ column }} is not null), []))
{%- endmacro %}

{% macro spark__collect_times_given(column) -%}
    sort_array(collect_list({{ column }}))
{%- endmacro %}


{#- A row for each element of an array; goes in a select list. -#}
{% macro unnest_times(column) -%}
    {{ return(adapter.dispatch('unnest_times', 'plg')(column)) }}
{%- endmacro %}

{% macro default__unnest_times(column) -%}
    unnest({{ column }})
{%- endmacro %}

{% macro spark__unnest_times(column) -%}
    explode({{ column }})
{%- endmacro %}


{#- Before every time, after every time: ends of open intervals that sort and compare. -#}
{% macro beginning_of_time() -%}
    timestamp '1900-01-01 00:00:00'
{%- endmacro %}

{% macro end_of_time() -%}
    timestamp '9999-12-31 00:00:00'
{%- endmacro %}


{#- How many times `collect_times` put together. -#}
{% macro count_times(column) -%}
    {{ return(adapter.dispatch('count_times', 'plg')(column)) }}
{%- endmacro %}

{% macro default__count_times(column) -%}
    len({{ column }})
{%- endmacro %}

{% macro spark__count_times(column) -%}
    size({{ column }})
{%- endmacro %}


{#- A timestamp `minutes` whole minutes before `value`. -#}
{% macro minutes_before(value, minutes) -%}
    {{ return(adapter.dispatch('minutes_before', 'plg')(value, minutes)) }}
{%- endmacro %}

{% macro default__minutes_before(value, minutes) -%}
    ({{ value }} - cast({{ minutes }} as integer) * interval 1 minute)
{%- endmacro %}

{% macro spark__minutes_before(value, minutes) -%}
    ({{ value }} - make_dt_interval(0, 0, cast({{ minutes }} as int)))
{%- endmacro %}


{#- Stretches of an ascending array of times without a break longer than `minutes`. -#}
{% macro count_stretches(times, minutes) -%}
    {{ return(adapter.dispatch('count_stretches', 'plg')(times, minutes)) }}
{%- endmacro %}

{% macro default__count_stretches(times, minutes) -%}
    1 + len(list_filter(
        list_zip({{ times }}[2:], {{ times }}[:-2]),
        lambda pair: pair[1] - pair[2] > interval '{{ minutes }}' minute
    ))
{%- endmacro %}

{% macro spark__count_stretches(times, minutes) -%}
    1 + size(filter(
        zip_with(
            slice({{ times }}, 2, size({{ times }})),
            {{ times }},
            (later, earlier) -> later - earlier > interval '{{ minutes }}' minute
        ),
        is_break -> is_break
    ))
{%- endmacro %}
