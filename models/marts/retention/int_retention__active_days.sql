with

int_retention__entities as (
    select * from {{ ref('int_retention__entities') }}
),

fct_person_days as (
    select * from {{ ref('fct_person_days') }}
),

fct_account_days as (
    select * from {{ ref('fct_account_days') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

days as (
    select distinct
        'person' as entity_type,
        person_id as entity_id,
        activity_date
    from fct_person_days
    union all
    select distinct
        'account' as entity_type,
        account_id as entity_id,
        activity_date
    from fct_account_days
    where account_id is not null
    union all
    -- signing up is activity, whatever call it came with
    select
        entity_type,
        entity_id,
        signup_date as activity_date
    from int_retention__entities
),

final as (
    -- what someone did before signing up was a visitor's doing
    select distinct
        int_retention__entities.entity_type,
        int_retention__entities.entity_id,
        int_retention__entities.signup_date,
        days.activity_date
    from int_retention__entities
    inner join days
        on
            int_retention__entities.entity_type = days.entity_type
            and int_retention__entities.entity_id = days.entity_id
            and int_retention__entities.signup_date <= days.activity_date
    cross join dim_as_of
    where days.activity_date <= dim_as_of.as_of_date
)

select * from final
