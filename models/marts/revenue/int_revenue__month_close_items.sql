with

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

spans_by_month as (
    -- a month that ended shows what held when it did
    select
        mrr_day_spans.*,
        {{ month_spine(
            month_start('mrr_day_spans.from_date'),
            add_months_to(month_start('coalesce(mrr_day_spans.to_date, as_of.as_of_at)'), -1),
        ) }} as month
    from mrr_day_spans
    cross join as_of
),

final as (
    select
        -- keys
        spans_by_month.month,
        spans_by_month.item_key,
        spans_by_month.currency,
        spans_by_month.account_id,
        spans_by_month.subscription_id as source_id,
        -- attributes
        spans_by_month.source,
        spans_by_month.event_id,
        -- measures
        spans_by_month.mrr_native,
        fx_rates.rate,
        -- times
        spans_by_month.started_at as held_since_at
    from spans_by_month
    inner join fx_rates
        on
            spans_by_month.currency = fx_rates.currency
            and spans_by_month.month = fx_rates.month
    where spans_by_month.mrr_native <> 0
)

select * from final
