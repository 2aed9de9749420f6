with

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

grouped_purchases as (
    select * from {{ ref('int_revenue__grouped_purchases') }}
),

day_changes as (
    select * from {{ ref('int_revenue__account_day_changes') }}
),

purchases_continued as (
    -- what is new or back with the evening before is no cause of the rest of the day
    select grouped_purchases.*
    from grouped_purchases
    inner join day_changes
        on
            grouped_purchases.account_id = day_changes.account_id
            and grouped_purchases.change_date = day_changes.change_date
    where day_changes.continued_amount > 0
),

sides as (
    select
        *,
        to_date as change_date,
        'before' as side
    from mrr_day_spans
    where to_date is not null

    union all

    select
        *,
        from_date as change_date,
        'after' as side
    from mrr_day_spans
),

sides_counted as (
    select
        sides.*,
        -- both sides at the day's rate: what the exchange rate did is not the item's doing
        sides.unrounded_list_mrr_native * cast(fx_rates.rate as double) as list_mrr,
        sides.unrounded_mrr_native * cast(fx_rates.rate as double) as mrr,
        purchases_continued.subscription_id is not null as is_grouped,
        count(*) over (
            partition by sides.account_id, sides.item_key, sides.change_date
        ) as count_sides
    from sides
    inner join fx_rates
        on
            sides.currency = fx_rates.currency
            and {{ month_start('sides.change_date') }} = fx_rates.month
    left join purchases_continued
        on
            sides.account_id = purchases_continued.account_id
            and sides.subscription_id = purchases_continued.subscription_id
            and sides.change_date = purchases_continued.change_date
            and sides.side = 'after'
),

pairs_keyed as (
    -- an item that stops and one that starts on the same day are one item exchanged, the
    -- largest for the largest: a plan swapped through a new subscription is one change
    select
        *,
        case
            when count_sides = 2 or is_grouped then item_key
            else
                'exchange ' || cast(
                    row_number() over (
                        partition by account_id, change_date, side, count_sides
                        order by mrr desc, item_key
                    ) as varchar
                )
        end as pair_key
    from sides_counted
),

final as (
    select
        -- keys
        account_id,
        change_date,
        pair_key,
        -- attributes
        max(case when side = 'before' then source end) as source_before,
        max(case when side = 'after' then source end) as source_after,
        max(case when side = 'before' then plan_key end) as plan_before,
        max(case when side = 'after' then plan_key end) as plan_after,
        max(case when side = 'before' then price_id end) as price_before,
        max(case when side = 'after' then price_id end) as price_after,
        max(case when side = 'before' then billing_interval end) as billing_interval_before,
        max(case when side = 'after' then billing_interval end) as billing_interval_after,
        bool_or(is_grouped) as is_grouped,
        -- measures
        max(case when side = 'before' then cast(quantity as double) end) as quantity_before,
        max(case when side = 'after' then cast(quantity as double) end) as quantity_after,
        max(case when side = 'before' then list_mrr end) as list_mrr_before,
        max(case when side = 'after' then list_mrr end) as list_mrr_after,
        max(case when side = 'before' then mrr end) as mrr_before,
        max(case when side = 'after' then mrr end) as mrr_after
    from pairs_keyed
    group by 1, 2, 3
)

select * from final
