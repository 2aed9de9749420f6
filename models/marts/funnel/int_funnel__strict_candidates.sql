with

int_funnel__sequences as (
    select * from {{ ref('int_funnel__sequences') }}
    where order_mode = 'strict'
),

int_funnel__points as (
    select * from {{ ref('int_funnel__points') }}
),

points_with_rules as (
    select
        int_funnel__points.sequence_id,
        int_funnel__points.level,
        int_funnel__points.at_us,
        int_funnel__points.deadline_us,
        int_funnel__sequences.tolerance_us
    from int_funnel__points
    inner join int_funnel__sequences
        on int_funnel__points.sequence_id = int_funnel__sequences.sequence_id
),

points_and_next_steps as (
    select
        sequence_id,
        level,
        at_us,
        deadline_us,
        tolerance_us,
        at_us - tolerance_us as sort_us,
        1 as is_point,
        cast(null as bigint) as next_at_us
    from points_with_rules
    union all
    select
        sequence_id,
        level - 1 as level,
        at_us,
        deadline_us,
        tolerance_us,
        at_us as sort_us,
        0 as is_point,
        at_us as next_at_us
    from points_with_rules
),

points_followed as (
    select
        sequence_id,
        level,
        at_us,
        deadline_us,
        tolerance_us,
        is_point,
        min(next_at_us) over (
            partition by sequence_id, level
            order by sort_us desc, is_point
            rows between unbounded preceding and current row
        ) as next_at_us
    from points_and_next_steps
),

points_reaching as (
    select
        sequence_id,
        level,
        at_us,
        min(deadline_us) as deadline_us
    from points_followed
    where is_point = 1 and next_at_us < deadline_us
    group by sequence_id, level, at_us
),

final as (
    select
        points_reaching.sequence_id,
        points_reaching.level,
        points_reaching.at_us,
        points_reaching.deadline_us,
        int_funnel__sequences.entity_type,
        int_funnel__sequences.entity_id,
        int_funnel__sequences.tolerance_us
    from points_reaching
    inner join int_funnel__sequences
        on points_reaching.sequence_id = int_funnel__sequences.sequence_id
)

select * from final
