with

int_retention__active_days as (
    select * from {{ ref('int_retention__active_days') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

{{ active_entities_by_day('account', daily='count_active_1d', weekly='count_active_7d', monthly='count_active_30d') }}
