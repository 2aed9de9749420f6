{#-
    Straight-line recognition over a service period [starts_on, ends_on), UTC days.

    A period of whole months (`count_months` > 0) gives every service month, from anchor day to
    anchor day, the same share, spread over its own days; any other (`count_months` = 0) is spread
    over all its days. The share until a day is service_part / service_whole, whole numbers.
    `day` must lie between the two ends, both included.
-#}

{#- The anchor day of the month `value` lies in, its last day where it has none. -#}
{% macro anchor_in_month(value, anchor_day) -%}
    least({{ add_days(month_start(value), anchor_day ~ ' - 1') }}, last_day({{ value }}))
{%- endmacro %}

{#- Calendar months from the month of one date to that of another. -#}
{% macro calendar_months(first, second) -%}
    ((year({{ second }}) - year({{ first }})) * 12 + month({{ second }}) - month({{ first }}))
{%- endmacro %}

{#- The larger day of the month of both ends: what they are an anchor's days for, if any. -#}
{% macro service_anchor_day(starts_on, ends_on) -%}
    greatest(day({{ starts_on }}), day({{ ends_on }}))
{%- endmacro %}

{#- How many whole months the period is; 0 where it is not a whole number of them. -#}
{% macro service_months(starts_on, ends_on) -%}
    case
        when
            {{ starts_on }} = {{ anchor_in_month(starts_on, service_anchor_day(starts_on, ends_on)) }}
            and {{ ends_on }} = {{ anchor_in_month(ends_on, service_anchor_day(starts_on, ends_on)) }}
            then {{ calendar_months(starts_on, ends_on) }}
        else 0
    end
{%- endmacro %}

{#- First day of the service month that `day` lies in. -#}
{% macro service_month_start(day, anchor_day) -%}
    case
        when {{ day }} >= {{ anchor_in_month(day, anchor_day) }} then {{ anchor_in_month(day, anchor_day) }}
        else {{ anchor_in_month(add_months_to(month_start(day), '-1'), anchor_day) }}
    end
{%- endmacro %}

{#- Days of the service month that `day` lies in. -#}
{% macro service_month_days(day, anchor_day) -%}
    case
        when {{ day }} >= {{ anchor_in_month(day, anchor_day) }}
            then {{ days_between(
                anchor_in_month(day, anchor_day), anchor_in_month(add_months_to(month_start(day), '1'), anchor_day)
            ) }}
        else {{ days_between(
            anchor_in_month(add_months_to(month_start(day), '-1'), anchor_day), anchor_in_month(day, anchor_day)
        ) }}
    end
{%- endmacro %}

{% macro service_part(day, starts_on, anchor_day, count_months) -%}
    case
        when {{ count_months }} > 0 then
            (
                {{ calendar_months(starts_on, day) }}
                - case when {{ day }} < {{ anchor_in_month(day, anchor_day) }} then 1 else 0 end
            ) * {{ service_month_days(day, anchor_day) }}
            + {{ days_between(service_month_start(day, anchor_day), day) }}
        else {{ days_between(starts_on, day) }}
    end
{%- endmacro %}

{% macro service_whole(day, starts_on, ends_on, anchor_day, count_months) -%}
    case
        when {{ count_months }} > 0 then {{ count_months }} * {{ service_month_days(day, anchor_day) }}
        else {{ days_between(starts_on, ends_on) }}
    end
{%- endmacro %}


{#-
    Sharing an amount among the lines of an invoice, in proportion to their signed net amounts,
    in line order: a credit of the whole invoice takes exactly each line's own amount. Where the
    lines sum to nothing or less, the first line has it all.
-#}
{% macro lines_accumulated(lines) -%}
    select
        invoice_id,
        invoice_line_id,
        net_amount_cents,
        sum(net_amount_cents) over (partition by invoice_id) as lines_cents,
        sum(net_amount_cents) over (
            partition by invoice_id
            order by line_position, invoice_line_id
            rows between unbounded preceding and current row
        ) as lines_so_far_cents,
        row_number() over (partition by invoice_id order by line_position, invoice_line_id) as line_rank
    from {{ lines }}
{%- endmacro %}

{% macro shared_among_lines(amount, lines) -%}
    case
        when {{ lines }}.lines_cents > 0 then
            {{ money_share(amount, lines ~ '.lines_so_far_cents', lines ~ '.lines_cents') }}
            - {{ money_share(amount, '(' ~ lines ~ '.lines_so_far_cents - ' ~ lines ~ '.net_amount_cents)', lines ~ '.lines_cents') }}
        when {{ lines }}.line_rank = 1 then {{ amount }}
        else cast(0 as bigint)
    end
{%- endmacro %}
