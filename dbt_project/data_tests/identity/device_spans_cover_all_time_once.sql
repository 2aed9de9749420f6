-- The stretches of a shared device follow one another without gap or overlap, from before
-- everything to after everything.
with

spans as (
    select
        *,
        lead(valid_from) over (partition by anonymous_id order by valid_from) as next_valid_from,
        row_number() over (partition by anonymous_id order by valid_from) as span_number
    from {{ ref('int_identity__device_spans') }}
)

select *
from spans
where
    valid_to is distinct from coalesce(next_valid_from, {{ end_of_time() }})
    or valid_from >= valid_to
    or (span_number = 1 and valid_from <> {{ beginning_of_time() }})
