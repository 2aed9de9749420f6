-- A frequency missing in the seed billing_frequencies is taken for one bill for the whole term.
{{ config(severity='warn') }}
-- depends_on: {{ ref('int_revenue__contract_instalments') }}

select
    contracts.contract_id,
    contracts.billing_frequency
from {{ ref('fct_contracts') }} as contracts
left join {{ ref('billing_frequencies') }} as frequencies
    on lower(trim(contracts.billing_frequency)) = frequencies.billing_frequency
where frequencies.billing_frequency is null
