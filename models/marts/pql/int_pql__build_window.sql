{%- set builds = pql_builds_so_far() -%}
{%- set is_first = 'newest_as_of' not in builds -%}
{%- set makes_all_anew = is_first or flags.FULL_REFRESH -%}
with

clock as (
    select * from {{ ref('dim_as_of') }}
),

models as (
    select * from {{ ref('int_pql__models') }}
),

signals as (
    select * from {{ ref('pql_signals') }}
),

rules_now as (
    select md5(concat('{{ pql_definition_hash() }}', {{ hash_rows("concat(model_key, rules_hash)") }})) as rules_hash
    from models
),

longest_window as (
    select coalesce(max(window_days), 0) as window_days
    from signals
),

builds_compared as (
    select
        clock.as_of_at,
        rules_now.rules_hash,
        -- a day that has not begun at as_of has no score: midnight belongs to the day before
        cast(clock.as_of_at - interval '1' microsecond as date) as last_score_date,
        {% if is_first -%}
        date '1900-01-01' as open_date,
        {%- else -%}
        case
            -- a look at the past writes nothing down
            when clock.as_of_at < timestamp '{{ builds.newest_as_of }}' then date '9999-12-31'
            -- the same now again: what is corrected meanwhile corrects its day
            when clock.as_of_at = timestamp '{{ builds.newest_as_of }}'
                then cast(clock.as_of_at - interval '1' microsecond as date)
            else cast(timestamp '{{ builds.newest_as_of }}' as date)
        end as open_date,
        {%- endif %}
        {% if makes_all_anew -%}
        true as makes_all_anew
        {%- else -%}
        rules_now.rules_hash <> '{{ builds.last_rules }}'
        or clock.as_of_at < timestamp '{{ builds.last_as_of }}'
        or timestamp '{{ builds.last_as_of }}' < timestamp '{{ builds.newest_as_of }}' as makes_all_anew
        {%- endif %}
    from clock
    cross join rules_now
),

final as (
    select
        builds_compared.as_of_at,
        builds_compared.last_score_date,
        builds_compared.open_date,
        case
            when builds_compared.makes_all_anew then date '1900-01-01'
            else builds_compared.open_date
        end as score_from,
        case
            when builds_compared.makes_all_anew or builds_compared.open_date = date '1900-01-01' then date '1900-01-01'
            else {{ add_days('builds_compared.open_date', '-longest_window.window_days') }}
        end as evidence_from,
        case
            when builds_compared.open_date in (date '1900-01-01', date '9999-12-31') then builds_compared.open_date
            else {{ add_days('builds_compared.open_date', '-' ~ var('pql_memory_days')) }}
        end as remember_from,
        -- what a first build says about the past was not stored in the past
        case
            when builds_compared.open_date = date '1900-01-01' then builds_compared.last_score_date
            else builds_compared.open_date
        end as log_from,
        case
            when builds_compared.open_date = date '9999-12-31' then {{ end_of_time() }}
            else builds_compared.as_of_at
        end as log_from_at,
        builds_compared.rules_hash
    from builds_compared
    cross join longest_window
)

select * from final
