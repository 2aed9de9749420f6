with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

qualifications as (
    select * from {{ ref('fct_qualifications') }}
),

opportunity_sources as (
    select * from {{ ref('fct_opportunity_sources') }}
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

stages as (
    select
        account_id as subject_id,
        'signup' as stage,
        'all' as model_key,
        signed_up_at as reached_at,
        cast(null as timestamp) as ended_at
    from accounts
    where signed_up_at is not null
    union all
    select
        subject_id,
        kind as stage,
        'all' as model_key,
        qualified_at as reached_at,
        cast(null as timestamp) as ended_at
    from qualifications
    where is_counted
    union all
    select
        subject_id,
        kind as stage,
        model_key,
        qualified_at as reached_at,
        cast(null as timestamp) as ended_at
    from qualifications
    where model_key is not null
    union all
    select
        subject_id,
        'opportunity' as stage,
        'all' as model_key,
        created_at as reached_at,
        closed_at as ended_at
    from opportunity_sources
    where is_new_business and subject_id is not null
    union all
    select
        account_id as subject_id,
        'paid' as stage,
        'all' as model_key,
        cast(min(movement_date) as timestamp) as reached_at,
        cast(null as timestamp) as ended_at
    from mrr_movements
    where movement_type = 'new'
    group by account_id
),

final as (
    select
        stages.subject_id,
        stages.stage,
        stages.model_key,
        stages.reached_at,
        cast(stages.reached_at as date) as reached_date,
        cast(stages.ended_at as date) as ended_date
    from stages
    cross join clock
    where stages.reached_at <= clock.as_of_at
)

select * from final
