-- Discounts of which Stripe sent only the id: what they take off is not known and not taken.
{{ config(severity='warn') }}

select
    event_id,
    subscription_id
from {{ ref('stg_stripe__discounts') }}
where is_unexpanded
