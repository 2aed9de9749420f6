with

contracts as (
    select * from {{ ref('fct_contracts') }}
    where start_date <= end_date
),

minor_units as (
    select * from {{ ref('currency_minor_units') }}
),

frequencies as (
    select * from {{ ref('billing_frequencies') }}
),

terms as (
    select
        contracts.contract_id,
        contracts.account_id,
        contracts.plan_key,
        contracts.currency,
        contracts.start_date,
        {{ add_days('contracts.end_date', 1) }} as after_date,
        day(contracts.start_date) as anchor_day,
        frequencies.months as instalment_months,
        cast(contracts.annual_value * coalesce(minor_units.minor_units, 100) as bigint) as annual_cents
    from contracts
    left join minor_units
        on contracts.currency = minor_units.currency
    left join frequencies
        on lower(trim(contracts.billing_frequency)) = frequencies.billing_frequency
),

months_spread as (
    select
        *,
        {{ month_spine(month_start('start_date'), month_start('after_date')) }} as month
    from terms
),

instalment_starts as (
    select
        *,
        {{ anchor_in_month('month', 'anchor_day') }} as from_date
    from months_spread
    where
        month = {{ month_start('start_date') }}
        or (
            instalment_months is not null
            and {{ calendar_months('start_date', 'month') }} % instalment_months = 0
        )
),

instalments as (
    select
        *,
        row_number() over (partition by contract_id order by from_date) as instalment_number,
        coalesce(lead(from_date) over (partition by contract_id order by from_date), after_date) as to_date
    from instalment_starts
    where from_date < after_date
),

values_accumulated as (
    -- twelfths of the annual value, whole service months and the days of one begun
    select
        *,
        {{ money_share(
            'annual_cents',
            '(' ~ service_part('from_date', 'start_date', 'anchor_day', '12') ~ ')',
            service_whole('from_date', 'start_date', 'after_date', 'anchor_day', '12')
        ) }} as value_before_cents,
        {{ money_share(
            'annual_cents',
            '(' ~ service_part('to_date', 'start_date', 'anchor_day', '12') ~ ')',
            service_whole('to_date', 'start_date', 'after_date', 'anchor_day', '12')
        ) }} as value_after_cents
    from instalments
),

final as (
    select
        -- keys
        contract_id || '/' || cast(instalment_number as varchar) as instalment_id,
        contract_id,
        account_id,
        plan_key,
        -- attributes
        cast(instalment_number as bigint) as instalment_number,
        currency,
        -- measures
        value_after_cents - value_before_cents as amount_cents,
        -- times
        from_date as service_start_date,
        to_date as service_end_date
    from values_accumulated
)

select * from final
