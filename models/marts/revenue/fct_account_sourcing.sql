with

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

account_days as (
    select * from {{ ref('fct_account_days') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

sales_touches as (
    select * from {{ ref('fct_sales_touches') }}
),

opportunities as (
    select * from {{ ref('fct_opportunities') }}
    where account_id is not null
),

contracts as (
    select
        *,
        coalesce(signed_date, start_date) as agreed_date
    from {{ ref('fct_contracts') }}
),

checkouts as (
    select * from {{ ref('fct_checkouts') }}
    where is_completed
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

first_uses as (
    select
        account_days.account_id,
        min(account_days.first_event_at) as first_used_at
    from account_days
    inner join event_registry
        on
            account_days.event_name = event_registry.event_name
            and event_registry.is_product_activity
    group by account_days.account_id
),

touches_of_sales as (
    -- a deal that was opened, a contract that was signed: somebody of Sales was there, whether or
    -- not a task says so
    select
        account_id,
        touched_at
    from sales_touches
    where account_id is not null

    union all

    select
        account_id,
        created_at as touched_at
    from opportunities

    union all

    select
        account_id,
        cast(agreed_date as timestamp) as touched_at
    from contracts
),

first_touches as (
    select
        account_id,
        min(touched_at) as first_sales_touch_at
    from touches_of_sales
    group by account_id
),

sales_closings as (
    select
        account_id,
        closed_at as sold_at
    from opportunities
    where is_won

    union all

    select
        account_id,
        cast(agreed_date as timestamp) as sold_at
    from contracts
),

sales_assisted as (
    select
        account_id,
        min(sold_at) as sales_assisted_at
    from sales_closings
    group by account_id
),

news_in_order as (
    -- an account is new once, though by several causes, and over midnight on two days
    select
        account_id,
        movement_date as first_paid_date,
        cause,
        cast(sum(amount) over (partition by account_id) as decimal(18, 2)) as first_mrr,
        row_number() over (partition by account_id order by movement_date, amount desc, cause) as news_number
    from mrr_movements
    where movement_type = 'new'
),

first_payments as (
    select * from news_in_order
    where news_number = 1
),

deals_won as (
    -- opened before the first payment, and won by then or soon after
    select
        opportunities.account_id,
        min(opportunities.closed_at) as deal_won_at
    from opportunities
    left join first_payments
        on opportunities.account_id = first_payments.account_id
    where
        opportunities.is_won
        and (
            first_payments.account_id is null
            or (
                coalesce(cast(opportunities.created_at as date) <= first_payments.first_paid_date, true)
                and cast(opportunities.closed_at as date)
                <= {{ add_days('first_payments.first_paid_date', var('deal_closing_days')) }}
            )
        )
    group by opportunities.account_id
),

first_contracts as (
    select
        account_id,
        min(agreed_date) as agreed_date
    from contracts
    group by account_id
),

first_checkouts as (
    select
        checkouts.account_id,
        max(coalesce(checkouts.completed_at, checkouts.created_at)) as checked_out_at
    from checkouts
    inner join first_payments
        on checkouts.account_id = first_payments.account_id
    where cast(coalesce(checkouts.completed_at, checkouts.created_at) as date) <= first_payments.first_paid_date
    group by checkouts.account_id
),

evidence as (
    select
        dim_accounts.account_id,
        dim_accounts.signed_up_at,
        first_uses.first_used_at,
        first_touches.first_sales_touch_at,
        first_payments.first_paid_date,
        first_payments.first_mrr,
        sales_assisted.account_id is not null as is_sales_assisted,
        sales_assisted.sales_assisted_at,
        case
            when
                dim_accounts.signed_up_at < first_touches.first_sales_touch_at
                or (dim_accounts.signed_up_at is not null and first_touches.account_id is null)
                then 'plg'
            when first_touches.account_id is not null then 'sales'
            else 'unknown'
        end as sourcing,
        case
            when deals_won.account_id is not null then 'opportunity'
            when first_payments.cause = 'contract' then 'contract'
            when first_payments.account_id is null and first_contracts.account_id is not null then 'contract'
            when first_checkouts.account_id is not null then 'checkout'
            when first_payments.account_id is not null then 'subscription'
        end as closed_by,
        deals_won.deal_won_at,
        first_contracts.agreed_date,
        first_checkouts.checked_out_at
    from dim_accounts
    left join first_uses
        on dim_accounts.account_id = first_uses.account_id
    left join first_touches
        on dim_accounts.account_id = first_touches.account_id
    left join first_payments
        on dim_accounts.account_id = first_payments.account_id
    left join sales_assisted
        on dim_accounts.account_id = sales_assisted.account_id
    left join deals_won
        on dim_accounts.account_id = deals_won.account_id
    left join first_contracts
        on dim_accounts.account_id = first_contracts.account_id
    left join first_checkouts
        on dim_accounts.account_id = first_checkouts.account_id
),

closings as (
    select
        *,
        case
            when closed_by in ('opportunity', 'contract') then 'sales_assisted'
            when closed_by in ('checkout', 'subscription') then 'self_serve'
        end as closing_motion,
        case closed_by
            when 'opportunity' then deal_won_at
            when 'contract' then cast(agreed_date as timestamp)
            when 'checkout' then checked_out_at
            when 'subscription' then cast(first_paid_date as timestamp)
        end as closed_at
    from evidence
),

final as (
    select
        -- keys
        account_id,
        -- attributes
        sourcing,
        sourcing = 'plg' as is_plg_sourced,
        closing_motion,
        closed_by,
        case
            when closing_motion = 'self_serve' and sourcing = 'plg' then 'plg_self_serve'
            when closing_motion = 'self_serve' and sourcing = 'sales' then 'sales_touched_self_serve'
            when closing_motion = 'self_serve' then 'unsourced_self_serve'
            when closing_motion = 'sales_assisted' and sourcing = 'plg' then 'plg_influenced_sales_closed'
            when closing_motion = 'sales_assisted' and first_used_at < closed_at then 'plg_evaluated_sales_closed'
            when closing_motion = 'sales_assisted' then 'sales_led'
        end as plg_path,
        case when is_sales_assisted then 'sales_assisted' else 'self_serve' end as motion,
        {{ month_start('first_paid_date') }} as cohort_month,
        -- measures
        first_mrr,
        -- times
        signed_up_at,
        first_used_at,
        first_sales_touch_at,
        first_paid_date,
        closed_at,
        sales_assisted_at
    from closings
)

select * from final
