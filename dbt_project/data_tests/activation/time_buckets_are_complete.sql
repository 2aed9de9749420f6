-- bounds grow, one activated bucket is last and has none, and there is one for never and one for open
with

buckets as (
    select
        *,
        lead(up_to_minutes) over (partition by state order by bucket_number) as next_up_to_minutes,
        lead(bucket_number) over (partition by state order by bucket_number) as next_bucket_number
    from {{ ref('milestone_time_buckets') }}
)

select
    bucket as what,
    'bounds must grow, only the last activated bucket has none' as problem
from buckets
where
    state = 'activated'
    and (
        (next_bucket_number is null and up_to_minutes is not null)
        or (next_bucket_number is not null and up_to_minutes is null)
        or next_up_to_minutes <= up_to_minutes
    )
union all
select
    'never and open' as what,
    'there must be one bucket of each' as problem
from buckets
having
    count(case when state = 'never' then 1 end) != 1
    or count(case when state = 'open' then 1 end) != 1
