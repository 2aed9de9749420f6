select
    account_id,
    month,
    closing_mrr as metered_mrr
from {{ ref('fct_mrr_months') }}
where false
