with

handoffs as (
    select * from {{ ref('fct_handoffs') }}
),

buckets as (
    select * from {{ ref('response_time_buckets') }}
),

handoffs_timed as (
    -- by the wall clock, from when its owner could begin: whoever qualifies at midnight can be
    -- called by nobody within the hour
    select
        handoffs.model_key,
        handoffs.tier,
        handoffs.status,
        handoffs.is_open,
        coalesce(buckets.response_bucket, 'no touch') as response_bucket,
        coalesce(buckets.sort_order, 99) as sort_order
    from handoffs
    left join buckets
        on
            handoffs.answer_minutes >= buckets.from_minutes
            and (handoffs.answer_minutes < buckets.below_minutes or buckets.below_minutes is null)
),

handoffs_cut as (
    select * from handoffs_timed
    union all
    select
        model_key,
        'all' as tier,
        status,
        is_open,
        response_bucket,
        sort_order
    from handoffs_timed
),

counted as (
    select
        model_key,
        tier,
        response_bucket,
        sort_order,
        count(*) as handoffs,
        count(case when not is_open then 1 end) as closed,
        count(case when status = 'won' then 1 end) as won,
        count(case when status = 'lost' then 1 end) as lost,
        count(case when status = 'rejected' then 1 end) as rejected,
        count(case when status = 'expired' then 1 end) as expired
    from handoffs_cut
    group by
        model_key,
        tier,
        response_bucket,
        sort_order
),

final as (
    select
        model_key,
        tier,
        response_bucket,
        cast(sort_order as integer) as sort_order,
        handoffs,
        closed,
        won,
        lost,
        rejected,
        expired,
        -- of what is decided: an open one may still be won
        cast(case when closed > 0 then won / closed end as decimal(9, 4)) as conversion_rate
    from counted
)

select * from final
