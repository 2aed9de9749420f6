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

fct_transitions as (
    select * from {{ ref('fct_transitions') }}
),

fct_mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

people_stages as (
    select person_id, primary_account_id as account_id, 'visitor' as stage, first_seen_at as occurred_at
    from dim_people
    union all
    select person_id, primary_account_id as account_id, 'signed_up' as stage, signed_up_at as occurred_at
    from dim_people
    union all
    select person_id, account_id, 'activated' as stage, reached_at as occurred_at
    from fct_person_milestones
    where milestone = 'activation'
),

account_stages as (
    select account_id, 'visitor' as stage, occurred_at
    from people_stages
    where stage = 'visitor' and account_id is not null
    union all
    -- whoever opens an account was there: the sign-up is a visit where no earlier one is known
    select account_id, 'visitor' as stage, signed_up_at as occurred_at
    from dim_accounts
    union all
    select account_id, 'signed_up' as stage, signed_up_at as occurred_at
    from dim_accounts
    union all
    select account_id, 'activated' as stage, reached_at as occurred_at
    from fct_account_milestones
    where milestone = 'activation'
),

-- scores and movements are states at the end of a UTC day: they happened somewhere within it
account_days as (
    select account_id, 'pql' as stage, cast(transitioned_at as date) as occurred_date
    from fct_transitions
    where
        model_key = '{{ var("funnel_pql_model", "rubric_150") }}'
        and to_tier in ('{{ var("funnel_pql_tiers", ["hot", "warm"]) | join("', '") }}')
    union all
    select account_id, 'paying' as stage, movement_date as occurred_date
    from fct_mrr_movements
    where movement_type = 'new'
    union all
    select account_id, 'expanded' as stage, movement_date as occurred_date
    from fct_mrr_movements
    where movement_type = 'expansion'
),

occurrences as (
    select
        'person' as entity_type,
        person_id as entity_id,
        stage,
        occurred_at as earliest_at,
        occurred_at as latest_at
    from people_stages
    union all
    select
        'account' as entity_type,
        account_id as entity_id,
        stage,
        occurred_at as earliest_at,
        occurred_at as latest_at
    from account_stages
    union all
    select
        'account' as entity_type,
        account_id as entity_id,
        stage,
        cast(occurred_date as timestamp) as earliest_at,
        cast({{ add_days('occurred_date', 1) }} as timestamp) - interval 1 microsecond as latest_at
    from account_days
    union all
    -- a person has the commercial stages of the account that is primarily theirs
    select
        'person' as entity_type,
        dim_people.person_id as entity_id,
        account_days.stage,
        cast(account_days.occurred_date as timestamp) as earliest_at,
        cast({{ add_days('account_days.occurred_date', 1) }} as timestamp) - interval 1 microsecond as latest_at
    from account_days
    inner join dim_people
        on account_days.account_id = dim_people.primary_account_id
),

final as (
    select distinct
        occurrences.entity_type,
        occurrences.entity_id,
        occurrences.stage,
        occurrences.earliest_at,
        occurrences.latest_at
    from occurrences
    cross join dim_as_of
    where occurrences.earliest_at <= dim_as_of.as_of_at
)

select * from final
