with

subscription_item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

contracts as (
    select * from {{ ref('fct_contracts') }}
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

as_of as (
    select
        *,
        -- the day that is under way, or just over where now is midnight
        cast(as_of_at - interval '1' microsecond as date) as last_date
    from {{ ref('dim_as_of') }}
),

items_by_day as (
    -- a day shows what held at its end
    select
        account_id,
        currency,
        subscription_id || '/' || item_id as item_key,
        subscription_id,
        event_id,
        'subscription' as source,
        plan_key,
        price_id,
        billing_interval || ':' || cast(interval_count as varchar) as billing_interval,
        quantity,
        list_mrr_cents,
        mrr_cents,
        unrounded_list_mrr_cents,
        unrounded_mrr_cents,
        cast(valid_from as date) as from_date,
        cast(valid_to as date) as to_date,
        valid_from as started_at,
        event_created_at,
        known_at,
        known_in_load
    from subscription_item_periods
    where
        counts_as_mrr
        and not is_metered
        -- a price nobody could work out is reported by a test, not taken for nothing
        and mrr_cents is not null
        and coalesce(cast(valid_from as date) < cast(valid_to as date), true)
),

contracts_by_day as (
    select
        account_id,
        currency,
        contract_id as item_key,
        contract_id as subscription_id,
        contract_id as event_id,
        'contract' as source,
        plan_key,
        contract_id as price_id,
        'contract' as billing_interval,
        cast(coalesce(seats, 1) as bigint) as quantity,
        mrr_cents as list_mrr_cents,
        mrr_cents,
        cast(mrr_cents as double) as unrounded_list_mrr_cents,
        cast(mrr_cents as double) as unrounded_mrr_cents,
        start_date as from_date,
        {{ add_days('end_date', 1) }} as to_date,
        cast(start_date as timestamp) as started_at,
        cast(coalesce(signed_date, start_date) as timestamp) as event_created_at,
        cast(coalesce(signed_date, start_date) as timestamp) as known_at,
        known_in_load
    from contracts
    where start_date <= end_date
),

gathered as (
    select * from items_by_day
    union all
    select * from contracts_by_day
),

final as (
    select
        -- keys
        gathered.account_id,
        gathered.currency,
        gathered.item_key,
        gathered.from_date,
        gathered.subscription_id,
        gathered.event_id,
        -- attributes
        gathered.source,
        gathered.plan_key,
        gathered.price_id,
        gathered.billing_interval,
        gathered.known_in_load,
        -- measures
        gathered.quantity,
        cast(cast(gathered.list_mrr_cents as decimal(18, 0)) / coalesce(minor_units.minor_units, 100) as decimal(18, 3)) as list_mrr_native,
        cast(cast(gathered.mrr_cents as decimal(18, 0)) / coalesce(minor_units.minor_units, 100) as decimal(18, 3)) as mrr_native,
        gathered.unrounded_list_mrr_cents / coalesce(minor_units.minor_units, 100) as unrounded_list_mrr_native,
        gathered.unrounded_mrr_cents / coalesce(minor_units.minor_units, 100) as unrounded_mrr_native,
        -- times
        case when gathered.to_date <= as_of.last_date then gathered.to_date end as to_date,
        gathered.started_at,
        gathered.event_created_at,
        gathered.known_at
    from gathered
    cross join as_of
    left join minor_units
        on gathered.currency = minor_units.currency
    where gathered.from_date <= as_of.last_date
)

select * from final
