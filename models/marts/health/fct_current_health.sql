with

account_health as (
    select * from {{ ref('fct_account_health') }}
),

components as (
    select * from {{ ref('fct_health_components') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

bands as (
    select * from {{ ref('health_bands') }}
),

touch_models as (
    select * from {{ ref('health_touch_models') }}
),

actions as (
    select * from {{ ref('health_actions') }}
),

overrides as (
    select * from {{ ref('health_overrides') }}
),

backtest as (
    select * from {{ ref('rpt_health_backtest') }}
    where
        model_key = 'health'
        and cut_type = 'band'
),

clock as (
    select cast(as_of_at - interval '1' microsecond as date) as last_date
    -- a day that has not begun at as_of is none yet: midnight belongs to the day before
    from {{ ref('dim_as_of') }}
),

health_today as (
    select account_health.*
    from account_health
    inner join clock on account_health.health_date = clock.last_date
),

band_changes as (
    select
        account_id,
        health_date,
        lag(band) over account_history as previous_band,
        lag(health_date) over account_history as previous_date,
        band
    from account_health
    window account_history as (
        partition by account_id
        order by health_date
    )
),

in_band_since as (
    -- days on which it paid nothing end a stay in a band
    select
        account_id,
        max(health_date) as since_date
    from band_changes
    where
        previous_band is null
        or previous_band <> band
        or {{ days_between('previous_date', 'health_date') }} > 1
    group by account_id
),

mrr_today as (
    select
        movements.account_id,
        sum(movements.amount) as mrr
    from movements
    inner join clock on movements.movement_date <= clock.last_date
    group by movements.account_id
),

overrides_in_force as (
    -- until and with its last day; a data test forbids two at once
    select overrides.*
    from overrides
    inner join clock
        on
            overrides.valid_from <= clock.last_date
            and overrides.valid_until >= clock.last_date
),

touch_bounds as (
    select
        touch_model,
        min_mrr,
        lead(min_mrr) over (order by min_mrr) as below_mrr
    from touch_models
),

components_today as (
    select
        components.account_id,
        components.sentence,
        components.is_missing,
        row_number() over (
            partition by components.account_id, components.is_missing
            order by components.is_decisive desc, components.lost_points desc, components.place
        ) as nth
    from components
    inner join clock on components.health_date = clock.last_date
    where components.is_missing or components.lost_points > 0
),

sentences as (
    select
        account_id,
        max(case when nth = 1 and not is_missing then sentence end) as first_sentence,
        max(case when nth = 2 and not is_missing then sentence end) as second_sentence,
        max(case when nth = 1 and is_missing then sentence end) as missing_sentence
    from components_today
    group by account_id
),

bands_decided as (
    select
        health_today.*,
        coalesce(overrides_in_force.band, health_today.band) as band_now,
        overrides_in_force.band is not null as is_overridden,
        overrides_in_force.reason as override_reason,
        overrides_in_force.overridden_by,
        overrides_in_force.valid_until as override_until,
        cast(coalesce(mrr_today.mrr, 0) as decimal(18, 2)) as mrr
    from health_today
    left join overrides_in_force on health_today.account_id = overrides_in_force.account_id
    left join mrr_today on health_today.account_id = mrr_today.account_id
),

final as (
    select
        -- keys
        bands_decided.account_id,
        accounts.owner_id,
        -- attributes
        accounts.account_name,
        bands_decided.band_now as band,
        bands_decided.band as scored_band,
        bands_decided.is_overridden,
        bands_decided.override_reason,
        bands_decided.overridden_by,
        bands_decided.override_until,
        coalesce(bands.is_at_risk, false) as is_at_risk,
        bands_decided.trend,
        touch_bounds.touch_model,
        bands_decided.top_risk,
        bands_decided.top_cause,
        concat_ws(' ', sentences.first_sentence, sentences.second_sentence, sentences.missing_sentence) as reason,
        actions.action,
        -- measures
        bands_decided.health_score,
        bands_decided.change_7d,
        bands_decided.change_30d,
        bands_decided.measured_weight_pct,
        bands_decided.count_missing,
        bands_decided.mrr,
        backtest.churn_rate as band_churn_rate,
        -- times
        bands_decided.health_date,
        in_band_since.since_date as in_scored_band_since
    from bands_decided
    inner join in_band_since on bands_decided.account_id = in_band_since.account_id
    left join accounts on bands_decided.account_id = accounts.account_id
    left join bands on bands_decided.band_now = bands.band
    left join touch_bounds
        on
            bands_decided.mrr >= touch_bounds.min_mrr
            and coalesce(bands_decided.mrr < touch_bounds.below_mrr, true)
    left join actions
        on
            bands_decided.top_cause = actions.cause
            and touch_bounds.touch_model = actions.touch_model
    left join sentences on bands_decided.account_id = sentences.account_id
    left join backtest on bands_decided.band_now = backtest.cut
)

select * from final
