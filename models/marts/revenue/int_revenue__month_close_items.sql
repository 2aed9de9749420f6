with

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

contracts as (
    select * from {{ ref('fct_contracts') }}
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

items_held as (
    select
        account_id,
        currency,
        item_key,
        source,
        month,
        cast({{ add_months_to('month', 1) }} as timestamp) as month_ends_at,
        sum(mrr_native) as mrr_native
    from spans_by_month
    where mrr_native <> 0
    group by 1, 2, 3, 4, 5, 6
),

item_evidence as (
    select
        subscription_id || '/' || item_id as item_key,
        subscription_id as source_id,
        event_id,
        valid_from,
        valid_to
    from item_periods

    union all

    select
        contract_id as item_key,
        contract_id as source_id,
        contract_id as event_id,
        cast(start_date as timestamp) as valid_from,
        cast(null as timestamp) as valid_to
    from contracts
),

final as (
    select
        -- keys
        items_held.month,
        items_held.item_key,
        items_held.currency,
        items_held.account_id,
        item_evidence.source_id,
        -- attributes
        items_held.source,
        item_evidence.event_id,
        -- measures
        cast(items_held.mrr_native as decimal(18, 2)) as mrr_native,
        fx_rates.rate,
        -- times
        item_evidence.valid_from as held_since_at
    from items_held
    inner join fx_rates
        on
            items_held.currency = fx_rates.currency
            and items_held.month = fx_rates.month
    left join item_evidence
        on
            items_held.item_key = item_evidence.item_key
            and items_held.month_ends_at > item_evidence.valid_from
            and coalesce(items_held.month_ends_at <= item_evidence.valid_to, true)
)

select * from final
