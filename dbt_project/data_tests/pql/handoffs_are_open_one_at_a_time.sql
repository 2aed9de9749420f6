-- No account has two open hand-offs of one model, at any time.
with

handoffs as (
    select * from {{ ref('fct_handoffs') }}
),

followed as (
    select
        handoff_id,
        model_key,
        account_id,
        qualified_at,
        closed_at,
        lead(qualified_at) over (partition by model_key, account_id order by qualified_at) as next_qualified_at
    from handoffs
)

select *
from followed
where next_qualified_at is not null and (closed_at is null or closed_at > next_qualified_at)
