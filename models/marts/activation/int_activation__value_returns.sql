with

fct_person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

fct_account_milestones as (
    select * from {{ ref('fct_account_milestones') }}
),

int_activation__person_conditions as (
    select * from {{ ref('int_activation__person_conditions') }}
),

int_activation__milestone_events as (
    select * from {{ ref('int_activation__milestone_events') }}
),

dim_people as (
    select * from {{ ref('dim_people') }}
),

conditions_from_the_last as (
    select
        person_id,
        milestone,
        condition_group,
        event_name,
        row_number() over (
            partition by person_id, milestone, condition_group order by condition_number desc
        ) as place
    from int_activation__person_conditions
    where milestone = 'activation'
),

person_activations as (
    -- the last condition of the group someone activated by is the value; those before lead to it
    select
        fct_person_milestones.person_id,
        fct_person_milestones.account_id,
        conditions_from_the_last.event_name,
        fct_person_milestones.reached_at
    from fct_person_milestones
    inner join conditions_from_the_last
        on
            fct_person_milestones.person_id = conditions_from_the_last.person_id
            and fct_person_milestones.milestone = conditions_from_the_last.milestone
            and fct_person_milestones.condition_group = conditions_from_the_last.condition_group
    where conditions_from_the_last.place = 1
),

value_days as (
    -- the first of each day will do: a return is on a later day
    select
        person_id,
        event_name,
        cast(event_at as date) as value_date,
        min(event_at) as first_event_at
    from int_activation__milestone_events
    group by person_id, event_name, cast(event_at as date)
),

person_returns as (
    select
        'person' as entity_type,
        person_activations.person_id as entity_id,
        person_activations.event_name,
        person_activations.reached_at as activated_at,
        min(value_days.first_event_at) as returned_at
    from person_activations
    left join value_days
        on
            person_activations.person_id = value_days.person_id
            and person_activations.event_name = value_days.event_name
            and value_days.value_date > cast(person_activations.reached_at as date)
    group by person_activations.person_id, person_activations.event_name, person_activations.reached_at
),

account_value_days as (
    select
        dim_people.primary_account_id as account_id,
        value_days.event_name,
        value_days.value_date,
        min(value_days.first_event_at) as first_event_at
    from value_days
    inner join dim_people
        on value_days.person_id = dim_people.person_id
    group by dim_people.primary_account_id, value_days.event_name, value_days.value_date
),

account_returns as (
    -- any of its people brings an account back, by what the first of them activated with
    select
        'account' as entity_type,
        fct_account_milestones.account_id as entity_id,
        person_activations.event_name,
        fct_account_milestones.reached_at as activated_at,
        min(account_value_days.first_event_at) as returned_at
    from fct_account_milestones
    inner join person_activations
        on fct_account_milestones.first_person_id = person_activations.person_id
    left join account_value_days
        on
            fct_account_milestones.account_id = account_value_days.account_id
            and person_activations.event_name = account_value_days.event_name
            and account_value_days.value_date > cast(fct_account_milestones.reached_at as date)
    where fct_account_milestones.milestone = 'activation'
    group by fct_account_milestones.account_id, person_activations.event_name, fct_account_milestones.reached_at
),

final as (
    select * from person_returns
    union all
    select * from account_returns
)

select * from final
