{#- Whether every invoice that failed in the month of `month` has had all the days recovery is
    waited for; next to dim_as_of as `as_of`. -#}
{% macro is_recovery_mature(month) -%}
    {{ add_days(add_months_to(month, 1), var('payment_recovery_days')) }} <= as_of.as_of_date
{%- endmacro %}
