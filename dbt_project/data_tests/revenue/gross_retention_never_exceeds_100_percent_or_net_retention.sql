-- Gross retention is between 0 and 1 and never above net, in every cut and window; there is a
-- rate where and only where there was something to retain.
select
    month,
    window_months,
    dimension,
    dimension_value,
    starting_mrr,
    grr,
    nrr
from {{ ref('rpt_nrr') }}
where
    grr not between 0 and 1
    or grr_numerator > nrr_numerator
    or grr > nrr
    or (starting_mrr = 0) <> (nrr is null)
    or (starting_mrr = 0) <> (grr is null)
