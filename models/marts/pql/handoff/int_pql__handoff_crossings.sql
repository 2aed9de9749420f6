with

models as (
    select * from {{ ref('pql_models') }}
    where status = 'live' and level = 'account'
),

tiers as (
    select * from {{ ref('pql_tiers') }}
    where sla_minutes is not null
),

transitions as (
    select * from {{ ref('fct_transitions') }}
),

paying_periods as (
    select * from {{ ref('int_pql__paying_periods') }}
),

live_transitions as (
    select
        transitions.model_key,
        transitions.account_id,
        transitions.to_tier as tier,
        transitions.transitioned_at as crossed_at
    from transitions
    inner join models on transitions.model_key = models.model_key
),

accounts_handed_off as (
    -- who never came into a tier somebody is asked to act on is of no interest
    select distinct
        live_transitions.model_key,
        live_transitions.account_id
    from live_transitions
    inner join tiers
        on
            live_transitions.model_key = tiers.model_key
            and live_transitions.tier = tiers.tier
),

crossings as (
    select
        model_key,
        account_id,
        tier,
        crossed_at
    from live_transitions
    union all
    -- while an account pays it has no score, and so no tier
    select
        accounts_handed_off.model_key,
        accounts_handed_off.account_id,
        'none' as tier,
        cast(paying_periods.valid_from as timestamp) as crossed_at
    from accounts_handed_off
    inner join paying_periods on accounts_handed_off.account_id = paying_periods.account_id
),

final as (
    select
        crossings.model_key,
        crossings.account_id,
        crossings.tier,
        crossings.crossed_at
    from crossings
    inner join accounts_handed_off
        on
            crossings.model_key = accounts_handed_off.model_key
            and crossings.account_id = accounts_handed_off.account_id
)

select * from final
