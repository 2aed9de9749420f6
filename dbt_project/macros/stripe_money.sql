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
