with

int_activation__person_conditions as (
    select * from {{ ref('int_activation__person_conditions') }}
),

int_activation__condition_reached as (
    select * from {{ ref('int_activation__condition_reached') }}
),

milestone_definitions as (
    select * from {{ ref('milestone_definitions') }}
),

dim_people as (
    select * from {{ ref('dim_people') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

person_steps as (
    select
        steps.person_id,
        steps.milestone,
        steps.condition_group,
        steps.condition_number,
        steps.event_name,
        steps.within_days,
        steps.signed_up_at,
        met.reached_at
    from int_activation__person_conditions as steps
    left join int_activation__condition_reached as met
        on
            steps.person_id = met.person_id
            and steps.condition_id = met.condition_id
    -- what is counted from another milestone is no step to it
    where steps.after_milestone is null
),

person_steps_in_order as (
    -- a step is completed once it and all before it are met
    select
        person_id,
        milestone,
        condition_group,
        condition_number,
        event_name,
        within_days,
        signed_up_at,
        row_number() over (
            partition by person_id, milestone, condition_group order by condition_number
        ) as step_number,
        case
            when
                count(reached_at) over (
                    partition by person_id, milestone, condition_group order by condition_number
                    rows between unbounded preceding and current row
                ) = row_number() over (
                    partition by person_id, milestone, condition_group order by condition_number
                )
                then
                    max(reached_at) over (
                        partition by person_id, milestone, condition_group order by condition_number
                        rows between unbounded preceding and current row
                    )
        end as completed_at
    from person_steps
),

account_completions as (
    -- an account has done what the first of its people has
    select
        dim_people.primary_account_id as account_id,
        steps.milestone,
        steps.condition_group,
        steps.condition_number,
        min(steps.completed_at) as completed_at
    from person_steps_in_order as steps
    inner join dim_people
        on steps.person_id = dim_people.person_id
    where dim_people.primary_account_id is not null
    group by dim_people.primary_account_id, steps.milestone, steps.condition_group, steps.condition_number
),

account_steps as (
    -- its steps are those of the day it signed up on
    select
        dim_accounts.account_id,
        milestone_definitions.milestone,
        milestone_definitions.condition_group,
        milestone_definitions.condition_number,
        milestone_definitions.event_name,
        milestone_definitions.within_days,
        dim_accounts.signed_up_at,
        row_number() over (
            partition by dim_accounts.account_id, milestone_definitions.milestone, milestone_definitions.condition_group
            order by milestone_definitions.condition_number
        ) as step_number
    from dim_accounts
    cross join dim_as_of
    inner join milestone_definitions
        on
            milestone_definitions.product_line = {{ product_line() }}
            and milestone_definitions.after_milestone is null
            and (
                milestone_definitions.valid_from is null
                or milestone_definitions.valid_from <= cast(dim_accounts.signed_up_at as date)
            )
            and (
                milestone_definitions.valid_to is null
                or milestone_definitions.valid_to > cast(dim_accounts.signed_up_at as date)
            )
    where dim_accounts.signed_up_at <= dim_as_of.as_of_at
),

steps as (
    select
        'person' as entity_type,
        person_id as entity_id,
        milestone,
        condition_group,
        step_number,
        event_name,
        within_days,
        signed_up_at,
        completed_at
    from person_steps_in_order
    union all
    select
        'account' as entity_type,
        account_steps.account_id as entity_id,
        account_steps.milestone,
        account_steps.condition_group,
        account_steps.step_number,
        account_steps.event_name,
        account_steps.within_days,
        account_steps.signed_up_at,
        account_completions.completed_at
    from account_steps
    left join account_completions
        on
            account_steps.account_id = account_completions.account_id
            and account_steps.milestone = account_completions.milestone
            and account_steps.condition_group = account_completions.condition_group
            and account_steps.condition_number = account_completions.condition_number
),

final as (
    select
        steps.entity_type,
        steps.entity_id,
        steps.milestone,
        steps.condition_group,
        steps.step_number,

        steps.event_name,
        coalesce(steps.within_days, {{ var('activation_horizon_days') }}) as window_days,

        steps.signed_up_at,
        case
            when steps.step_number = 1 then steps.signed_up_at
            else lag(steps.completed_at) over (
                partition by steps.entity_type, steps.entity_id, steps.milestone, steps.condition_group
                order by steps.step_number
            )
        end as entered_at,
        steps.completed_at
    from steps
)

select * from final
