with

items as (
    select * from {{ expansion_items() }}
),

reasons as (
    select * from {{ ref('fct_expansion_reasons') }}
),

kinds as (
    select * from {{ ref('expansion_kinds') }}
),

routes as (
    select * from {{ ref('expansion_routes') }}
),

paying_spans as (
    select * from {{ ref('int_pql__paying_spans') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
    where movement_type = 'expansion'
),

sales_touches as (
    select * from {{ ref('fct_sales_touches') }}
),

kind_causes as (
    select
        kind,
        {{ split_to_rows('causes') }} as cause
    from kinds
),

items_valued as (
    select
        {{ hash_id('exp_', 'items.account_id', 'items.kind', 'items.qualified_date') }} as item_id,
        items.*,
        coalesce(paying_spans.mrr, 0) as mrr
    from items
    left join paying_spans
        on
            items.account_id = paying_spans.account_id
            and items.qualified_date >= paying_spans.from_date
            and items.qualified_date < paying_spans.to_date
),

routed as (
    select
        items_valued.item_id,
        routes.team
    from items_valued
    inner join routes
        on
            items_valued.kind = routes.kind
            and 12 * items_valued.mrr >= routes.min_annual_value
    qualify row_number() over (partition by items_valued.item_id order by routes.min_annual_value desc) = 1
),

reasons_in_order as (
    select
        *,
        row_number() over (partition by item_id order by points desc, signal_key asc) as place
    from reasons
),

reasons_told as (
    select
        item_id,
        cast(count(*) as integer) as count_signals,
        sum(points) as points,
        concat_ws(
            ' ',
            max(case when place = 1 then sentence end),
            max(case when place = 2 then sentence end),
            max(case when place = 3 then sentence end)
        ) as reason
    from reasons_in_order
    group by item_id
),

expansions as (
    select
        items_valued.item_id,
        sum(movements.amount) as expansion_mrr
    from items_valued
    inner join kind_causes on items_valued.kind = kind_causes.kind
    inner join movements
        on
            items_valued.account_id = movements.account_id
            and items_valued.closed_date = movements.movement_date
            and kind_causes.cause = movements.cause
    where items_valued.status = 'expanded'
    group by items_valued.item_id
),

touches as (
    select
        items_valued.item_id,
        min(sales_touches.touched_at) as first_touch_at
    from items_valued
    inner join sales_touches
        on
            items_valued.account_id = sales_touches.account_id
            and items_valued.opened_date <= cast(sales_touches.touched_at as date)
            and coalesce(items_valued.closed_date >= cast(sales_touches.touched_at as date), true)
    group by items_valued.item_id
),

final as (
    select
        -- keys
        items_valued.item_id,
        items_valued.account_id,
        items_valued.kind,
        items_valued.item_number,
        accounts.owner_id,
        -- attributes
        accounts.account_name,
        items_valued.status,
        items_valued.suppression_reason,
        routed.team,
        reasons_told.reason,
        -- measures
        reasons_told.count_signals,
        cast(reasons_told.points as decimal(9, 2)) as points,
        items_valued.mrr,
        cast(12 * items_valued.mrr as decimal(18, 2)) as annual_value,
        cast(coalesce(expansions.expansion_mrr, 0) as decimal(18, 2)) as expansion_mrr,
        -- times
        items_valued.qualified_date,
        items_valued.opened_date,
        items_valued.expires_date,
        items_valued.closed_date,
        touches.first_touch_at
    from items_valued
    left join routed on items_valued.item_id = routed.item_id
    left join reasons_told on items_valued.item_id = reasons_told.item_id
    left join accounts on items_valued.account_id = accounts.account_id
    left join expansions on items_valued.item_id = expansions.item_id
    left join touches on items_valued.item_id = touches.item_id
)

select * from final
