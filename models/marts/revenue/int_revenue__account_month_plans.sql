with

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

final as (
    -- the plan of an account is that of the largest item it pays for when the month closes; of who
    -- has left by then, of the last it paid for in the month
    select
        mrr_months.account_id,
        mrr_months.month,
        mrr_day_spans.plan_key
    from mrr_months
    inner join mrr_day_spans
        on
            mrr_months.account_id = mrr_day_spans.account_id
            and mrr_day_spans.from_date < {{ add_months_to('mrr_months.month', 1) }}
            and coalesce(mrr_months.month < mrr_day_spans.to_date, true)
    inner join fx_rates
        on
            mrr_day_spans.currency = fx_rates.currency
            and mrr_months.month = fx_rates.month
    where mrr_day_spans.mrr_native > 0
    qualify row_number() over (
        partition by mrr_months.account_id, mrr_months.month
        order by
            case
                when mrr_day_spans.to_date < {{ add_months_to('mrr_months.month', 1) }} then mrr_day_spans.to_date
                else {{ add_months_to('mrr_months.month', 1) }}
            end desc,
            {{ at_rate('mrr_day_spans.mrr_native', 'fx_rates.rate') }} desc,
            mrr_day_spans.item_key asc
    ) = 1
)

select * from final
