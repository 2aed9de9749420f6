with

account_health as (
    select * from {{ ref('fct_account_health') }}
),

components as (
    select * from {{ ref('fct_health_components') }}
),

bands as (
    select * from {{ ref('health_bands') }}
),

paying_spans as (
    select * from {{ ref('int_health__paying_spans') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
    where movement_type = 'churn'
),

clock as (
    select cast(as_of_at - interval '1' microsecond as date) as last_date
    from {{ ref('dim_as_of') }}
),

first_days as (
    select
        account_id,
        min(health_date) as first_date
    from account_health
    group by account_id
),

landmark_days as (
    -- windows follow each other without overlap: a loss lies in one of them
    select
        account_health.account_id,
        account_health.health_date as landmark_date,
        account_health.health_score,
        {{ add_days('account_health.health_date', var('health_churn_days')) }} as window_end
    from account_health
    inner join first_days on account_health.account_id = first_days.account_id
    where
        {{ days_between('first_days.first_date', 'account_health.health_date') }} >= {{ var('health_first_landmark_day') }}
        and (
            {{ days_between('first_days.first_date', 'account_health.health_date') }} - {{ var('health_first_landmark_day') }}
        ) % {{ var('health_churn_days') }} = 0
),

first_losses as (
    select
        landmark_days.account_id,
        landmark_days.landmark_date,
        min(movements.movement_date) as churned_date
    from landmark_days
    inner join movements
        on
            landmark_days.account_id = movements.account_id
            and landmark_days.landmark_date < movements.movement_date
            and landmark_days.window_end >= movements.movement_date
    group by landmark_days.account_id, landmark_days.landmark_date
),

scored as (
    select
        'health' as model_key,
        account_id,
        landmark_date,
        health_score
    from landmark_days

    union all

    -- who has said that he leaves is no finding: what does the score know before?
    select
        'health_before_notice' as model_key,
        landmark_days.account_id,
        landmark_days.landmark_date,
        landmark_days.health_score
    from landmark_days
    inner join paying_spans
        on
            landmark_days.account_id = paying_spans.account_id
            and landmark_days.landmark_date >= paying_spans.valid_from
            and landmark_days.landmark_date < paying_spans.valid_to
    where coalesce(paying_spans.billing_state, '') <> 'cancel_scheduled'

    union all

    -- each component as if it were the score
    select
        components.component as model_key,
        landmark_days.account_id,
        landmark_days.landmark_date,
        components.score as health_score
    from landmark_days
    inner join components
        on
            landmark_days.account_id = components.account_id
            and landmark_days.landmark_date = components.health_date
    where not components.is_missing
),

band_bounds as (
    select
        band,
        min_score,
        lead(min_score) over (order by min_score) as below_score
    from bands
),

final as (
    select
        scored.model_key,
        scored.account_id,
        scored.landmark_date,
        scored.health_score,
        -- the backtest asks who is pointed at: the more points, the less healthy
        cast(100 - scored.health_score as decimal(9, 2)) as points,
        cast(least(floor((100 - scored.health_score) / 10), 9) as integer) + 1 as score_10,
        band_bounds.band as tier,
        cast({{ var('health_churn_days') }} as integer) as window_days,
        {{ add_days('scored.landmark_date', var('health_churn_days')) }} <= clock.last_date as is_mature,
        first_losses.churned_date is not null as is_converted,
        first_losses.churned_date
    from scored
    cross join clock
    inner join band_bounds
        on
            scored.health_score >= band_bounds.min_score
            and coalesce(scored.health_score < band_bounds.below_score, true)
    left join first_losses
        on
            scored.account_id = first_losses.account_id
            and scored.landmark_date = first_losses.landmark_date
)

select * from final
