with

billed_lines as (
    select * from {{ ref('int_revenue__billed_lines') }}
),

line_reductions as (
    select * from {{ ref('int_revenue__line_reductions') }}
),

as_of as (
    select {{ add_days("cast(as_of_at - interval '1' microsecond as date)", 1) }} as today_over_date
    from {{ ref('dim_as_of') }}
),

schedules as (
    select
        invoice_line_id,
        source as document_type,
        invoice_id as document_id,
        net_cents as amount_cents,
        reporting_cents,
        date '0001-01-01' as from_date,
        cast(0 as bigint) as kept_cents,
        cast(0 as bigint) as kept_reporting_cents,
        cast(0 as bigint) as caught_up_cents,
        cast(0 as bigint) as caught_up_reporting_cents
    from billed_lines
    where net_cents <> 0

    union all

    select
        invoice_line_id,
        document_type,
        document_id,
        -reduced_cents as amount_cents,
        -reduced_reporting_cents as reporting_cents,
        reduced_date as from_date,
        -- from_date on; what a write-off leaves alone, and what the others take back on that day
        case when is_catch_up then 0 else -elapsed_cents end as kept_cents,
        case when is_catch_up then 0 else -elapsed_reporting_cents end as kept_reporting_cents,
        case when is_catch_up then -elapsed_cents else 0 end as caught_up_cents,
        case when is_catch_up then -elapsed_reporting_cents else 0 end as caught_up_reporting_cents
    from line_reductions
),

schedules_of_lines as (
    select
        schedules.*,
        billed_lines.service_start_date,
        billed_lines.service_end_date,
        billed_lines.anchor_day,
        billed_lines.count_service_months,
        {{ month_start('greatest(billed_lines.service_start_date, schedules.from_date)') }} as first_month,
        {{ month_start('greatest(' ~ add_days('billed_lines.service_end_date', -1) ~ ', schedules.from_date)') }} as last_month
    from schedules
    inner join billed_lines
        on schedules.invoice_line_id = billed_lines.invoice_line_id
),

months_spread as (
    select
        *,
        {{ month_spine('first_month', 'last_month') }} as month
    from schedules_of_lines
),

months_with_ends as (
    select
        *,
        cast({{ add_months_to('month', 1) }} as date) as next_month
    from months_spread
),

days_between_ends as (
    -- every share is asked for on a day of the service period
    select
        months_with_ends.*,
        least(greatest(months_with_ends.month, as_of.today_over_date), months_with_ends.next_month) as today_over_date,
        least(greatest(months_with_ends.month, service_start_date), service_end_date) as opening_day,
        least(greatest(months_with_ends.next_month, service_start_date), service_end_date) as closing_day,
        least(
            greatest(
                least(greatest(months_with_ends.month, as_of.today_over_date), months_with_ends.next_month),
                service_start_date
            ),
            service_end_date
        ) as today_day
    from months_with_ends
    cross join as_of
),

shares as (
    select
        {%- for day in ['opening', 'closing', 'today'] %}
        {{ service_part(day ~ '_day', 'service_start_date', 'anchor_day', 'count_service_months') }} as {{ day }}_part,
        {{ service_whole(
            day ~ '_day', 'service_start_date', 'service_end_date', 'anchor_day', 'count_service_months'
        ) }} as {{ day }}_whole,
        {%- endfor %}
        days_between_ends.*
    from days_between_ends
),

amounts_accumulated as (
    select
        {%- for day, reached in [('opening', 'month'), ('closing', 'next_month'), ('today', 'today_over_date')] %}
        case
            when {{ reached }} > from_date
                then {{ money_share('amount_cents', day ~ '_part', day ~ '_whole') }} - kept_cents
            else cast(0 as bigint)
        end as {{ day }}_cents,
        case
            when {{ reached }} > from_date
                then {{ money_share('reporting_cents', day ~ '_part', day ~ '_whole') }} - kept_reporting_cents
            when reporting_cents is not null then cast(0 as bigint)
        end as {{ day }}_reporting_cents,
        {%- endfor %}
        shares.*
    from shares
),

final as (
    select
        -- keys
        invoice_line_id,
        document_type,
        document_id,
        month,
        -- measures
        closing_cents - opening_cents as recognised_cents,
        closing_reporting_cents - opening_reporting_cents as recognised_reporting_cents,
        today_cents - opening_cents as to_date_cents,
        today_reporting_cents - opening_reporting_cents as to_date_reporting_cents,
        case when {{ month_start('from_date') }} = month then caught_up_cents else cast(0 as bigint) end as caught_up_cents,
        case
            when {{ month_start('from_date') }} = month then caught_up_reporting_cents
            else cast(0 as bigint)
        end as caught_up_reporting_cents
    from amounts_accumulated
)

select * from final
