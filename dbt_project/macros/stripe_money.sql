{#-
    An amount in Stripe's minor units as an exact DECIMAL in the currency's own unit. Stripe's
    minor unit is a hundredth, but for currencies without cents and those with thousandths
    (docs.stripe.com/currencies; UGX and ISK are sent in hundredths although they have none).
-#}
{% macro stripe_amount(minor_units, currency) -%}
    cast(
        cast({{ minor_units }} as decimal(18, 0)) * case
            when upper({{ currency }}) in (
                'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV',
                'XAF', 'XOF', 'XPF'
            ) then cast(1 as decimal(4, 3))
            when upper({{ currency }}) in ('BHD', 'JOD', 'KWD', 'OMR', 'TND') then cast(0.001 as decimal(4, 3))
            else cast(0.01 as decimal(4, 3))
        end as decimal(21, 3)
    )
{%- endmacro %}


{#-
    A month's worth of what one billing interval costs, in whole minor units, halves up: amount ×
    intervals a year ÷ (12 × intervals between two bills), less the tax the price includes.
    Whole numbers all the way: floating point would put some halves on the wrong side.
-#}
{% macro month_of_interval(amount, intervals_per_year, interval_count, inclusive_tax_pct) -%}
    {{ return(adapter.dispatch('month_of_interval', 'plg')(amount, intervals_per_year, interval_count, inclusive_tax_pct)) }}
{%- endmacro %}

{% macro default__month_of_interval(amount, intervals_per_year, interval_count, inclusive_tax_pct) -%}
    {#- both sides of the fraction times 100 and a million: percentages have up to six decimals -#}
    {%- set numerator -%}
        cast(cast({{ amount }} as decimal(38, 8)) * 100000000 as hugeint) * {{ intervals_per_year }} * 100000000
    {%- endset -%}
    {%- set denominator -%}
        12 * {{ interval_count }} * cast((100 + {{ inclusive_tax_pct }}) * 1000000 as hugeint) * 100000000
    {%- endset -%}
    cast((2 * {{ numerator }} + {{ denominator }}) // (2 * {{ denominator }}) as bigint)
{%- endmacro %}

{% macro spark__month_of_interval(amount, intervals_per_year, interval_count, inclusive_tax_pct) -%}
    cast(round(
        cast({{ amount }} as decimal(28, 8)) * {{ intervals_per_year }}
        / cast(12 * {{ interval_count }} * (1 + {{ inclusive_tax_pct }} / 100) as decimal(18, 8))
    ) as bigint)
{%- endmacro %}


{#- The same, not rounded: for shares of a change, never for money. -#}
{% macro month_of_interval_unrounded(amount, intervals_per_year, interval_count, inclusive_tax_pct) -%}
    cast({{ amount }} as double) * {{ intervals_per_year }} / (12 * {{ interval_count }})
    / (1 + cast({{ inclusive_tax_pct }} as double) / 100)
{%- endmacro %}
