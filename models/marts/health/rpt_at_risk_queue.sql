with

current_health as (
    select * from {{ ref('fct_current_health') }}
    where is_at_risk
),

bands as (
    select * from {{ ref('health_bands') }}
),

final as (
    select
        -- keys
        cast(row_number() over (
            order by current_health.mrr desc, bands.place desc, current_health.health_score asc, current_health.account_id asc
        ) as integer) as place,
        current_health.account_id,
        current_health.owner_id,
        -- attributes
        current_health.account_name,
        current_health.band,
        current_health.is_overridden,
        current_health.override_reason,
        current_health.trend,
        current_health.touch_model,
        current_health.top_cause as cause,
        current_health.reason,
        current_health.action,
        -- measures
        current_health.mrr as mrr_at_risk,
        current_health.health_score,
        current_health.change_30d,
        current_health.band_churn_rate,
        -- times
        current_health.health_date,
        current_health.in_scored_band_since
    from current_health
    inner join bands on current_health.band = bands.band
)

select * from final
