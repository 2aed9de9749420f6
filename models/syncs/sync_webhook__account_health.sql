with

current_health as (
    select * from {{ ref('fct_current_health') }}
),

expansion_queue as (
    select * from {{ ref('fct_expansion_queue') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

open_items as (
    -- an account may have one open item a kind: the one with the most points is told
    select
        account_id,
        item_id,
        kind,
        team,
        reason,
        points,
        expires_date,
        count(*) over (partition by account_id) as count_items,
        row_number() over (partition by account_id order by points desc, kind) as place
    from expansion_queue
    where status = 'open'
),

final as (
    select
        current_health.account_id as record_key,
        current_health.account_name,
        accounts.domain,
        accounts.plan,
        current_health.owner_id,
        current_health.mrr,
        -- health
        current_health.health_score,
        current_health.change_30d as health_change_30d,
        current_health.band as health_band,
        current_health.trend as health_trend,
        current_health.in_scored_band_since as health_band_since,
        -- risk
        current_health.is_at_risk,
        current_health.top_risk,
        current_health.top_cause as risk_cause,
        current_health.reason as risk_reason,
        current_health.action as risk_action,
        -- expansion queue
        open_items.item_id as expansion_item_id,
        open_items.kind as expansion_kind,
        open_items.team as expansion_team,
        open_items.reason as expansion_reason,
        open_items.points as expansion_points,
        open_items.expires_date as expansion_expires_date,
        coalesce(open_items.count_items, 0) as count_expansion_items
    from current_health
    inner join accounts on current_health.account_id = accounts.account_id
    left join open_items
        on
            current_health.account_id = open_items.account_id
            and open_items.place = 1
)

select * from final
