{#- Which product line's milestone definitions apply (PLG_PRODUCT_LINE), as a SQL literal. -#}
{% macro product_line() -%}
    '{{ env_var("PLG_PRODUCT_LINE", "analytics") }}'
{%- endmacro %}
