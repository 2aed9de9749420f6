with

dim_people as (
    select * from {{ ref('dim_people') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

fct_person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

fct_account_milestones as (
    select * from {{ ref('fct_account_milestones') }}
),

milestone_definitions as (
    select * from {{ ref('milestone_definitions') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

entities as (
    select
        'person' as entity_type,
        dim_people.person_id as entity_id,
        coalesce(dim_accounts.segment, 'unknown') as segment,
        dim_people.signed_up_at
    from dim_people
    left join dim_accounts
        on dim_people.primary_account_id = dim_accounts.account_id
    where dim_people.signed_up_at is not null
    union all
    select
        'account' as entity_type,
        account_id as entity_id,
        segment,
        signed_up_at
    from dim_accounts
    where signed_up_at is not null
),

activations as (
    select
        'person' as entity_type,
        person_id as entity_id,
        minutes_since_signup,
        reached_at
    from fct_person_milestones
    where milestone = 'activation'
    union all
    select
        'account' as entity_type,
        account_id as entity_id,
        minutes_since_signup,
        reached_at
    from fct_account_milestones
    where milestone = 'activation'
),

activation_windows as (
    -- a condition without a limit is waited for so long before anybody is called lost
    select
        valid_from,
        valid_to,
        max(coalesce(within_days, {{ var('activation_horizon_days') }})) as window_days
    from milestone_definitions
    where product_line = {{ product_line() }} and milestone = 'activation'
    group by valid_from, valid_to
),

entity_windows as (
    select
        entities.entity_type,
        entities.entity_id,
        max(activation_windows.window_days) as window_days
    from entities
    inner join activation_windows
        on
            (
                activation_windows.valid_from is null
                or activation_windows.valid_from <= cast(entities.signed_up_at as date)
            )
            and (
                activation_windows.valid_to is null
                or activation_windows.valid_to > cast(entities.signed_up_at as date)
            )
    group by entities.entity_type, entities.entity_id
),

signups as (
    select
        entities.entity_type,
        entities.entity_id,
        entities.segment,
        {{ week_start('entities.signed_up_at') }} as cohort_week,
        coalesce(entity_windows.window_days, {{ var('activation_horizon_days') }}) as window_days,
        -- somebody of an account may have had the value before the account was there
        case when activations.minutes_since_signup < 0 then 0 else activations.minutes_since_signup end
            as minutes_to_value,
        entities.signed_up_at,
        activations.reached_at as activated_at
    from entities
    cross join dim_as_of
    left join entity_windows
        on
            entities.entity_type = entity_windows.entity_type
            and entities.entity_id = entity_windows.entity_id
    left join activations
        on
            entities.entity_type = activations.entity_type
            and entities.entity_id = activations.entity_id
    where entities.signed_up_at <= dim_as_of.as_of_at
),

final as (
    select
        signups.entity_type,
        signups.entity_id,

        signups.segment,
        signups.cohort_week,

        signups.window_days,
        signups.minutes_to_value,
        {{ add_hours('signups.signed_up_at', '24 * signups.window_days') }} <= dim_as_of.as_of_at as is_window_closed,
        -- the week is over and whoever signed up in its last second has had the whole window
        {{ add_days('signups.cohort_week', '7 + max(signups.window_days) over (partition by signups.entity_type, signups.cohort_week)') }}
        <= dim_as_of.as_of_date as is_cohort_mature,

        signups.signed_up_at,
        signups.activated_at
    from signups
    cross join dim_as_of
)

select * from final
