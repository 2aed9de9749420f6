with

periods as (
    select * from {{ ref('int_pql__expansion_periods') }}
),

kinds as (
    select * from {{ ref('expansion_kinds') }}
),

suppressions as (
    select * from {{ ref('expansion_suppressions') }}
),

paying_spans as (
    select * from {{ ref('int_pql__paying_spans') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

dunning_states as (
    select * from {{ ref('fct_dunning_states') }}
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

all_suppressed as (
    select
        'open_opportunity' as reason,
        account_id,
        cast(created_at as date) as from_date,
        coalesce(cast(closed_at as date), date '9999-12-31') as to_date
    from opportunities
    union all
    select
        'payment_problem' as reason,
        account_id,
        cast(valid_from as date) as from_date,
        coalesce(cast(valid_to as date), date '9999-12-31') as to_date
    from dunning_states
    where dunning_state in ('{{ var("expansion_dunning_states") | join("', '") }}')
    union all
    select
        'recently_expanded' as reason,
        movements.account_id,
        movements.movement_date as from_date,
        {{ add_days('movements.movement_date', 'suppressions.within_days') }} as to_date
    from movements
    inner join suppressions on suppressions.reason = 'recently_expanded'
    where
        movements.movement_type = 'expansion'
        -- a discount that ended is nothing bought
        and movements.cause in (select kind_causes.cause from kind_causes)
    union all
    select
        'recently_touched' as reason,
        sales_touches.account_id,
        cast(sales_touches.touched_at as date) as from_date,
        {{ add_days('sales_touches.touched_at', 'suppressions.within_days') }} as to_date
    from sales_touches
    inner join suppressions on suppressions.reason = 'recently_touched'
),

accounts_with_periods as (
    select distinct account_id
    from periods
),

final as (
    -- what the queue's state machine reads, one shape for all
    select
        periods.account_id,
        periods.kind,
        'qualified' as event,
        cast(null as varchar) as reason,
        0 as priority,
        periods.from_date,
        periods.to_date
    from periods
    union all
    select
        all_suppressed.account_id,
        cast(null as varchar) as kind,
        'suppressed' as event,
        suppressions.reason,
        suppressions.priority,
        all_suppressed.from_date,
        all_suppressed.to_date
    from all_suppressed
    inner join suppressions on all_suppressed.reason = suppressions.reason
    inner join accounts_with_periods on all_suppressed.account_id = accounts_with_periods.account_id
    where all_suppressed.from_date < all_suppressed.to_date
    union all
    select distinct
        movements.account_id,
        kind_causes.kind,
        'expanded' as event,
        cast(null as varchar) as reason,
        0 as priority,
        movements.movement_date as from_date,
        movements.movement_date as to_date
    from movements
    inner join kind_causes on movements.cause = kind_causes.cause
    inner join accounts_with_periods on movements.account_id = accounts_with_periods.account_id
    where movements.movement_type = 'expansion'
    union all
    select distinct
        paying_spans.account_id,
        cast(null as varchar) as kind,
        'churned' as event,
        cast(null as varchar) as reason,
        0 as priority,
        paying_spans.paying_until as from_date,
        paying_spans.paying_until as to_date
    from paying_spans
    inner join accounts_with_periods on paying_spans.account_id = accounts_with_periods.account_id
    where paying_spans.paying_until < date '9999-12-31'
)

select * from final
