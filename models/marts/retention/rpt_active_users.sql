with

int_retention__active_days as (
    select * from {{ ref('int_retention__active_days') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

{{ active_entities_by_day('person', daily='dau', weekly='wau', monthly='mau') }}
