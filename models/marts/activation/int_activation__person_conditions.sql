with

milestone_definitions as (
    select * from {{ ref('milestone_definitions') }}
),

dim_people as (
    select * from {{ ref('dim_people') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

signups as (
    select
        dim_people.person_id,
        dim_people.signed_up_at
    from dim_people
    cross join dim_as_of
    where dim_people.signed_up_at <= dim_as_of.as_of_at
),

conditions as (
    select
        {{ hash_id('cond_', 'milestone', 'condition_group', 'condition_number', 'valid_from') }} as condition_id,
        milestone,
        condition_group,
        condition_number,
        event_name,
        coalesce(min_count, 1) as min_count,
        coalesce(min_distinct_days, 1) as min_distinct_days,
        within_days,
        after_milestone,
        valid_from,
        valid_to
    from milestone_definitions
    where product_line = {{ product_line() }}
),

final as (
    -- the definition of the day someone signed up stays theirs, whatever is edited later
    select
        signups.person_id,
        conditions.condition_id,
        conditions.milestone,
        conditions.condition_group,
        conditions.condition_number,
        conditions.event_name,
        conditions.min_count,
        conditions.min_distinct_days,
        conditions.within_days,
        conditions.after_milestone,
        conditions.valid_from,
        signups.signed_up_at
    from signups
    inner join conditions
        on
            (conditions.valid_from is null or conditions.valid_from <= cast(signups.signed_up_at as date))
            and (conditions.valid_to is null or conditions.valid_to > cast(signups.signed_up_at as date))
)

select * from final
