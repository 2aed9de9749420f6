-- As we saw it then, with all that is known now, is as we know it now: the newest state of every
-- subscription, taken from the events, is worth what the periods say holds.
with

item_states as (
    select * from {{ ref('int_core__item_states') }}
),

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
),

newest_states as (
    select
        subscription_id,
        mrr_cents
    from item_states
    qualify dense_rank() over (
        partition by subscription_id
        order by effective_at desc, event_rank desc, event_id desc, valid_from desc
    ) = 1
),

from_states as (
    select
        subscription_id,
        sum(mrr_cents) as mrr_cents
    from newest_states
    group by subscription_id
),

from_periods as (
    select
        subscription_id,
        sum(mrr_cents) as mrr_cents
    from item_periods
    where valid_to is null
    group by subscription_id
)

select
    coalesce(from_states.subscription_id, from_periods.subscription_id) as subscription_id,
    from_states.mrr_cents as mrr_cents_of_states,
    from_periods.mrr_cents as mrr_cents_of_periods
from from_states
full outer join from_periods
    on from_states.subscription_id = from_periods.subscription_id
where from_states.mrr_cents is distinct from from_periods.mrr_cents
