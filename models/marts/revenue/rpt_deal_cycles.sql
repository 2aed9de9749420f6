with

deals as (
    select * from {{ ref('fct_deals') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

deals_described as (
    select
        deals.*,
        case when deals.is_plg_evaluated then 'plg_evaluated' else 'not_evaluated' end as evaluation,
        coalesce(dim_accounts.segment, 'unknown') as segment
    from deals
    left join dim_accounts
        on deals.account_id = dim_accounts.account_id
),

cuts as (
    {% for dimension in ['all', 'segment'] %}
    select
        deal_type,
        evaluation,
        '{{ dimension }}' as dimension,
        {{ "'all'" if dimension == 'all' else dimension }} as dimension_value,
        is_won,
        is_closed,
        amount,
        -- closed on a day before it was written down: no cycle anybody measured
        case when days_to_win >= 0 then days_to_win end as days_to_win
    from deals_described
    {{ "union all" if not loop.last }}
    {% endfor %}
),

final as (
    select
        -- keys
        deal_type,
        evaluation,
        dimension,
        dimension_value,
        -- measures
        count(*) as count_deals,
        count(case when is_won then 1 end) as count_won,
        count(case when is_closed and not is_won then 1 end) as count_lost,
        count(case when not is_closed and not is_won then 1 end) as count_open,
        cast(
            case
                when count(case when is_closed or is_won then 1 end) > 0
                    then count(case when is_won then 1 end) * 1.0 / count(case when is_closed or is_won then 1 end)
            end as double
        ) as win_rate,
        cast(coalesce(sum(case when is_won then amount end), 0) as decimal(18, 2)) as won_amount,
        count(days_to_win) as count_cycles,
        cast({{ percentile('days_to_win', 0.5) }} as double) as median_days_to_win,
        cast({{ percentile('days_to_win', 0.75) }} as double) as p75_days_to_win
    from cuts
    group by 1, 2, 3, 4
)

select * from final
