with

transitions as (
    select * from {{ ref('fct_transitions') }}
),

models as (
    select * from {{ ref('pql_models') }}
),

tiers as (
    select * from {{ ref('pql_tiers') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

account_usage as (
    select * from {{ ref('int_syncs__account_usage') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

times_hot as (
    select
        transitions.model_key,
        transitions.account_id,
        transitions.score_date,
        transitions.points,
        transitions.score_10,
        transitions.to_tier as tier,
        transitions.reason,
        transitions.transitioned_at as triggered_at,
        lag(transitions.score_date) over (
            partition by transitions.model_key, transitions.account_id
            order by transitions.score_date
        ) as hot_before_date
    from transitions
    where transitions.to_tier = 'hot'
),

hot_in_the_last_week as (
    -- a score that hovers at the bound is not news every other day
    select
        times_hot.model_key,
        times_hot.account_id,
        times_hot.score_date,
        times_hot.points,
        times_hot.score_10,
        times_hot.tier,
        times_hot.reason,
        times_hot.triggered_at
    from times_hot
    inner join models on times_hot.model_key = models.model_key
    inner join tiers
        on
            times_hot.model_key = tiers.model_key
            and times_hot.tier = tiers.tier
    cross join clock
    where
        models.status = 'live'
        and times_hot.triggered_at > clock.as_of_at - interval '7' day
        and (
            times_hot.hot_before_date is null
            or {{ days_between('times_hot.hot_before_date', 'times_hot.score_date') }} > coalesce(tiers.rearm_days, 0)
        )
),

final as (
    select
        -- the day, not the moment: it stays the same while the day lasts, so nobody is told twice
        concat(
            hot_in_the_last_week.model_key, '|',
            hot_in_the_last_week.account_id, '|',
            cast(hot_in_the_last_week.score_date as varchar)
        ) as record_key,
        accounts.account_id,
        coalesce(accounts.account_name, accounts.domain, accounts.account_id) as account_name,
        hot_in_the_last_week.points,
        hot_in_the_last_week.score_10,
        hot_in_the_last_week.tier,
        hot_in_the_last_week.reason,
        hot_in_the_last_week.triggered_at,
        accounts.plan,
        accounts.segment,
        account_usage.active_users_28d
    from hot_in_the_last_week
    inner join accounts on hot_in_the_last_week.account_id = accounts.account_id
    inner join account_usage on hot_in_the_last_week.account_id = account_usage.account_id
)

select * from final
