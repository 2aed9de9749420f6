-- Evidence may not be later than the day it is evidence for.
with

reasons as (
    select * from {{ ref('fct_score_reasons') }}
)

select
    model_key,
    account_id,
    score_date,
    signal_key,
    last_seen_at
from reasons
where
    cast(last_seen_at as date) > score_date
    or (is_missing and points <> 0)
    or position('{' in sentence) > 0
