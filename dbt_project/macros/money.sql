{#- Two decimals, halves away from zero; give it DECIMAL, never float. -#}
{% macro round_money(value) -%}
    cast(round({{ value }}, 2) as decimal(18, 2))
{%- endmacro %}


{#- Money of another currency at an exchange rate, exact. DuckDB multiplies two DECIMALs of up to
    18 digits within 18 digits: at a rate of eight decimals that overflows from 92 million yen on. -#}
{% macro at_rate(amount, rate) -%}
    (cast({{ amount }} as decimal(27, 3)) * {{ rate }})
{%- endmacro %}


{#- Hundredths as a DECIMAL of whole units. -#}
{% macro from_cents(cents) -%}
    cast(cast({{ cents }} as decimal(18, 0)) * cast(0.01 as decimal(3, 2)) as decimal(18, 2))
{%- endmacro %}


{#- Stripe's minor units of a currency in hundredths of the reporting currency's unit, a half away
    from zero. -#}
{% macro reporting_cents(minor_units, currency, rate) -%}
    cast(cast(round({{ stripe_amount(minor_units, currency) }} * {{ rate }}, 2) as decimal(18, 2)) * 100 as bigint)
{%- endmacro %}


{#- `part` of `whole` (integers, whole above 0) of an amount in minor units, to the minor unit,
    halves away from zero: exact, no float. Differences of rising parts add up to the amount. -#}
{% macro money_share(amount, part, whole) -%}
    {{ return(adapter.dispatch('money_share', 'plg')(amount, part, whole)) }}
{%- endmacro %}

{% macro default__money_share(amount, part, whole) -%}
    cast(
        sign({{ amount }}) * sign({{ part }}) * (
            (2 * cast(abs({{ amount }}) as hugeint) * abs({{ part }}) + {{ whole }}) // (2 * ({{ whole }}))
        ) as bigint
    )
{%- endmacro %}

{% macro spark__money_share(amount, part, whole) -%}
    cast(
        sign({{ amount }}) * sign({{ part }}) * (
            (2 * cast(abs({{ amount }}) as decimal(38, 0)) * abs({{ part }}) + {{ whole }}) div (2 * ({{ whole }}))
        ) as bigint
    )
{%- endmacro %}
