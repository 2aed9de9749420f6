with

dunning_states as (
    select * from {{ ref('fct_dunning_states') }}
    where is_current
),

final as (
    select
        -- keys
        dunning_state,
        -- measures
        count(*) as accounts,
        cast(sum(open_invoices) as bigint) as open_invoices,
        cast(sum(open_amount) as decimal(18, 2)) as open_amount,
        cast(sum(mrr_at_risk) as decimal(18, 2)) as mrr_at_risk,
        -- times
        min(oldest_failure_at) as oldest_failure_at
    from dunning_states
    group by dunning_state
)

select * from final
