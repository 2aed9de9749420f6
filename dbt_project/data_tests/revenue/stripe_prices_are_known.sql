-- Items whose price nobody could work out: a tiered price whose tiers were not sent (expand
-- them, or pull the prices). They are missing in the revenue, not counted as 0.
{{ config(severity='warn') }}

select
    account_id,
    subscription_id,
    item_id,
    price_id,
    valid_from
from {{ ref('fct_subscription_item_periods') }}
where mrr_cents is null
