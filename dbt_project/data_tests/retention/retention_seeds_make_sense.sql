-- depends_on: {{ ref('rpt_retention_cohorts') }}, that it runs with what reads the seeds
-- a definition that names an event nobody knows finds nobody and says nothing; windows are from
-- day 1 on; buckets of first use follow on each other from day 0
with

retention_definitions as (
    select * from {{ ref('retention_definitions') }}
    where product_line is null or product_line = {{ product_line() }}
),

known_events as (
    select 'sign_up' as event_key
    union
    select 'any_event' as event_key
    union
    select event_name as event_key from {{ ref('event_registry') }}
    union
    select event_name as event_key from {{ ref('fct_person_days') }}
    union
    select 'reached:' || milestone as event_key from {{ ref('milestone_definitions') }}
    where product_line = {{ product_line() }}
    union
    select 'towards:' || milestone as event_key from {{ ref('milestone_definitions') }}
    where product_line = {{ product_line() }}
),

buckets as (
    select
        bucket,
        first_day,
        last_day,
        coalesce(lag(last_day) over (order by bucket_number), -1) + 1 as expected_first_day
    from {{ ref('feature_first_use_buckets') }}
)

select
    'retention_definitions' as seed,
    definition_key || ': unknown start_event ' || start_event as problem
from retention_definitions
where start_event not in (select event_key from known_events)
union all
select
    'retention_definitions' as seed,
    definition_key || ': unknown return_event ' || return_event as problem
from retention_definitions
where return_event not in (select event_key from known_events)
union all
select
    'retention_windows' as seed,
    'days ' || cast(first_day as varchar) || ' to ' || cast(last_day as varchar) as problem
from {{ ref('retention_windows') }}
where first_day < 1 or last_day < first_day
union all
select
    'feature_first_use_buckets' as seed,
    bucket || ': begins on day ' || cast(first_day as varchar) as problem
from buckets
where first_day != expected_first_day or last_day < first_day
