-- Marketing spend in a currency that no fx_rates file names cannot be valued: it is in no CAC.
{{ config(severity='warn') }}

select
    currency,
    count(*) as count_rows,
    sum(amount_native) as amount_native
from {{ ref('fct_marketing_spend') }}
where amount is null
group by currency
