-- Invoices and contracts in a currency that no fx_rates file names are recognised in their own
-- currency and missing in every figure of the reporting currency.
{{ config(severity='warn') }}

select
    currency,
    count(*) as count_lines
from {{ ref('int_revenue__billed_lines') }}
where rate is null
group by currency
