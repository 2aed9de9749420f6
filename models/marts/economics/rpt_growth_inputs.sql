with

metric_months as (
    select * from {{ ref('fct_metric_months') }}
    where is_mature and value is not null
),

unit_economics as (
    select * from {{ ref('rpt_unit_economics') }}
    where channel = 'all' and is_complete
),

newest_months as (
    -- the last twelve months in which the measure is final
    select *
    from metric_months
    qualify row_number() over (
        partition by measure
        order by month desc
    ) <= {{ var('unit_economics_months') }}
),

newest_costs as (
    select *
    from unit_economics
    qualify row_number() over (order by month desc) <= {{ var('unit_economics_months') }}
),

signups_of_months as (
    select
        month,
        value as account_signups
    from metric_months
    where measure = 'account_signups'
),

rates_weighed as (
    -- rates of months weigh by the sign-ups they are of
    select
        newest_months.measure,
        min(newest_months.month) as first_month,
        max(newest_months.month) as last_month,
        sum(newest_months.value * signups_of_months.account_signups)
        / sum(signups_of_months.account_signups) as value
    from newest_months
    inner join signups_of_months on newest_months.month = signups_of_months.month
    where
        newest_months.measure in ('account_activation_rate', 'free_to_paid_rate')
        and signups_of_months.account_signups > 0
    group by newest_months.measure
),

counts as (
    select
        measure,
        min(month) as first_month,
        max(month) as last_month,
        sum(value) as total,
        avg(value) as mean
    from newest_months
    group by measure
),

costs as (
    select
        min(month) as first_month,
        max(month) as last_month,
        sum(acquisition_cost) as acquisition_cost,
        sum(new_customers) as new_customers,
        sum(new_mrr) as new_mrr
    from newest_costs
),

churn as (
    select
        churn_rate,
        month
    from newest_costs
    qualify row_number() over (order by month desc) = 1
),

price as (
    select
        arpa,
        month
    from newest_costs
    where arpa is not null
    qualify row_number() over (order by month desc) = 1
),

inputs as (
    select
        'monthly_signups' as input_key,
        mean as value,
        first_month,
        last_month
    from counts
    where measure = 'account_signups'

    union all

    select
        'activation_rate' as input_key,
        value,
        first_month,
        last_month
    from rates_weighed
    where measure = 'account_activation_rate'

    union all

    -- of the activated: of all who signed up so many pay, and who pays had activated
    select
        'free_to_paid_rate' as input_key,
        case when activation.value > 0 then paid.value / activation.value end as value,
        paid.first_month,
        paid.last_month
    from rates_weighed as paid
    inner join rates_weighed as activation on activation.measure = 'account_activation_rate'
    where paid.measure = 'free_to_paid_rate'

    union all

    -- who signs up and pays came by the product: Sales' own customers have another size
    select
        'acv' as input_key,
        case when customers.total > 0 then plg_bookings.total / customers.total end as value,
        plg_bookings.first_month,
        plg_bookings.last_month
    from counts as plg_bookings
    inner join counts as customers on customers.measure = 'plg_customers'
    where plg_bookings.measure = 'plg_bookings'

    union all

    select
        'acv_of_all' as input_key,
        case when new_customers > 0 then 12 * cast(new_mrr as double) / cast(new_customers as double) end as value,
        first_month,
        last_month
    from costs

    union all

    select
        'acquisition_cost' as input_key,
        cast(acquisition_cost as double) as value,
        first_month,
        last_month
    from costs

    union all

    select
        'new_customers' as input_key,
        cast(new_customers as double) as value,
        first_month,
        last_month
    from costs

    union all

    select
        'monthly_churn' as input_key,
        churn_rate as value,
        month as first_month,
        month as last_month
    from churn

    union all

    select
        'monthly_price' as input_key,
        cast(arpa as double) as value,
        month as first_month,
        month as last_month
    from price

    union all

    select
        'bookings' as input_key,
        total as value,
        first_month,
        last_month
    from counts
    where measure = 'bookings'
),

final as (
    select
        input_key,
        cast(value as double) as value,
        first_month,
        last_month
    from inputs
    where value is not null
)

select * from final
