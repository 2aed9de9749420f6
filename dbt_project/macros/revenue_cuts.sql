{#- The cuts of retention, and the column each is told by. Every account is in exactly one value
    of each, so that the values of a cut add up to the total. -#}
{% macro revenue_dimensions() -%}
    {{ return({
        'all': "'all'",
        'cohort': 'cohort',
        'segment': 'segment',
        'plan': 'plan',
        'motion': 'motion',
        'sourcing': 'sourcing',
        'plg_cohort': "case when sourcing = 'plg' then cohort else 'not_plg_sourced' end",
    }) }}
{%- endmacro %}


{#- The month of a first payment as the value of a cut: 2026-03. -#}
{% macro month_label(month) -%}
    substr(cast({{ month }} as varchar), 1, 7)
{%- endmacro %}
