-- Revenue in a currency that no fx_rates file names cannot be valued and is missing.
{{ config(severity='warn') }}

with

mrr_day_spans as (
    select * from {{ ref('int_core__mrr_day_spans') }}
),

fx_rates as (
    select distinct currency
    from {{ ref('dim_fx_rates') }}
)

select
    mrr_day_spans.currency,
    count(*) as count_spans
from mrr_day_spans
left join fx_rates
    on mrr_day_spans.currency = fx_rates.currency
where fx_rates.currency is null
group by mrr_day_spans.currency
