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

first_payments as (
    select
        account_id,
        min(movement_date) as first_paid_date
    from fct_mrr_movements
    where movement_type = 'new'
    group by account_id
),

people_stages as (
    select
        person_id,
        primary_account_id as account_id,
        'visitor' as stage,
        first_seen_at as occurred_at
    from dim_people
    union all
    select
        person_id,
        primary_account_id as account_id,
        'signed_up' as stage,
        signed_up_at as occurred_at
    from dim_people
    union all
    select
        dim_people.person_id,
        dim_people.primary_account_id as account_id,
        'signed_up_free' as stage,
        dim_people.signed_up_at as occurred_at
    from dim_people
    left join first_payments
        on dim_people.primary_account_id = first_payments.account_id
    where
        first_payments.first_paid_date is null
        or first_payments.first_paid_date >= cast(dim_people.signed_up_at as date)
    union all
    select
        person_id,
        account_id,
        {{ milestone_stage('milestone') }} as stage,
        reached_at as occurred_at
    from fct_person_milestones
    where {{ milestone_stage('milestone') }} is not null
),

account_stages as (
    select
        account_id,
        'visitor' as stage,
        occurred_at
    from people_stages
    where stage = 'visitor' and account_id is not null
    union all
    -- whoever opens an account was there: the sign-up is a visit where no earlier one is known
    select
        account_id,
        'visitor' as stage,
        signed_up_at as occurred_at
    from dim_accounts
    union all
    select
        account_id,
        'signed_up' as stage,
        signed_up_at as occurred_at
    from dim_accounts
    union all
    select
        dim_accounts.account_id,
        'signed_up_free' as stage,
        dim_accounts.signed_up_at as occurred_at
    from dim_accounts
    left join first_payments
        on dim_accounts.account_id = first_payments.account_id
    where
        first_payments.first_paid_date is null
        or first_payments.first_paid_date >= cast(dim_accounts.signed_up_at as date)
    union all
    select
        account_id,
        {{ milestone_stage('milestone') }} as stage,
        reached_at as occurred_at
    from fct_account_milestones
    where {{ milestone_stage('milestone') }} is not null
),

-- scores and movements are states at the end of a UTC day: they happened somewhere within it
revenue_days as (
    select
        account_id,
        case movement_type
            when 'new' then 'paying'
            when 'expansion' then 'expanded'
            when 'churn' then 'churned'
            when 'reactivation' then 'reactivated'
        end as stage,
        cast(movement_date as timestamp) as earliest_at,
        cast({{ add_days('movement_date', 1) }} as timestamp) - interval 1 microsecond as latest_at
    from fct_mrr_movements
    where movement_type in ('new', 'expansion', 'churn', 'reactivation')
),

tiers as (
    select
        account_id,
        to_tier,
        cast(transitioned_at as date) as from_date,
        lead(cast(transitioned_at as date)) over (
            partition by account_id order by transitioned_at
        ) as until_date
    from fct_transitions
    where model_key = '{{ var("funnel_pql_model", "rubric_150") }}'
),

-- qualification lasts: who is a PQL already when they activate is one from then on
qualifications as (
    select
        tiers.account_id,
        'pql' as stage,
        cast(tiers.from_date as timestamp) as earliest_at,
        coalesce(
            cast(tiers.until_date as timestamp) - interval 1 microsecond, dim_as_of.as_of_at
        ) as latest_at
    from tiers
    cross join dim_as_of
    where tiers.to_tier in ('{{ var("funnel_pql_tiers", ["hot", "warm"]) | join("', '") }}')
),

commercial_stages as (
    select
        account_id,
        stage,
        earliest_at,
        latest_at
    from revenue_days
    union all
    select
        account_id,
        stage,
        earliest_at,
        latest_at
    from qualifications
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
        earliest_at,
        latest_at
    from commercial_stages
    union all
    -- a person has the commercial stages of the account that is primarily theirs
    select
        'person' as entity_type,
        dim_people.person_id as entity_id,
        commercial_stages.stage,
        commercial_stages.earliest_at,
        commercial_stages.latest_at
    from commercial_stages
    inner join dim_people
        on commercial_stages.account_id = dim_people.primary_account_id
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
