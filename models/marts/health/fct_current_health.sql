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

crm_owners as (
    select * from {{ ref('dim_crm_owners') }}
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
    where object = 'accounts'
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

overrides as (
    select * from {{ ref('health_overrides') }}
),

backtest as (
    select * from {{ ref('rpt_health_backtest') }}
    where cut_type = 'band'
),

clock as (
    select
        *,
        cast(as_of_at - interval '1' microsecond as date) as last_date
    from {{ ref('dim_as_of') }}
),

health_today as (
    select account_health.*
    from account_health
    inner join clock on account_health.health_date = clock.last_date
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
    -- of several the newest; a data test forbids two at once
    select
        overrides.*,
        row_number() over (
            partition by overrides.account_id
            order by overrides.valid_from desc, overrides.override_key
        ) as nth
    from overrides
    inner join clock
        on
            overrides.valid_from <= clock.last_date
            and overrides.valid_until >= clock.last_date
),

bands_overridden as (
    -- a score put in by hand has the band it falls into, unless a band was said too
    select
        overrides_in_force.*,
        coalesce(
            overrides_in_force.band,
            max_by(bands.band, bands.min_score)
        ) as band_said
    from overrides_in_force
    left join bands on overrides_in_force.health_score >= bands.min_score
    where overrides_in_force.nth = 1
    group by all
),

band_bounds as (
    select
        band,
        is_at_risk
    from bands
),

touch_bounds as (
    select
        touch_model,
        min_mrr,
        lead(min_mrr) over (order by min_mrr) as below_mrr
    from touch_models
),

owner_names as (
    -- the same id in two CRMs is two people
    select
        owner_id,
        case when count(*) = 1 then max(owner_name) end as owner_name
    from crm_owners
    group by owner_id
),

final as (
    select
        health_today.account_id,
        health_today.health_date,
        health_today.health_score,
        health_today.band
    from health_today
)

select * from final
