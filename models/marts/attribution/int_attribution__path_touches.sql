with

conversions as (
    select * from {{ ref('int_attribution__conversions') }}
),

touches as (
    select * from {{ ref('int_attribution__touches') }}
),

conversion_types as (
    select
        conversion_type,
        min(entity_type) as entity_type
    from conversions
    where entity_type <> 'crm_record'
    group by conversion_type
),

not_converted as (
    -- who was touched and has not converted: without them every channel would seem to succeed
    select
        conversion_types.conversion_type,
        touches.entity_type,
        touches.entity_id,
        max(touches.touched_at) as last_touched_at
    from touches
    inner join conversion_types on touches.entity_type = conversion_types.entity_type
    left join conversions
        on
            conversion_types.conversion_type = conversions.conversion_type
            and touches.entity_id = conversions.entity_id
    where conversions.conversion_id is null
    group by 1, 2, 3
),

paths as (
    select
        conversion_type,
        entity_type,
        entity_id,
        conversion_id,
        converted_at as ended_at
    from conversions

    union all

    select
        conversion_type,
        entity_type,
        entity_id,
        cast(null as varchar) as conversion_id,
        last_touched_at as ended_at
    from not_converted
),

touches_in_window as (
    select
        paths.conversion_type,
        paths.entity_id,
        paths.conversion_id,
        touches.touch_id,
        touches.touch_type,
        touches.channel,
        touches.campaign,
        touches.is_direct,
        touches.touched_at,
        paths.ended_at
    from paths
    inner join touches
        on
            paths.entity_type = touches.entity_type
            and paths.entity_id = touches.entity_id
            and paths.ended_at >= touches.touched_at
    where paths.ended_at < {{ add_hours('touches.touched_at', 24 * var('attribution_lookback_days')) }}
),

final as (
    select
        -- keys
        conversion_type,
        entity_id,
        touch_id,
        -- attributes
        conversion_id,
        touch_type,
        channel,
        campaign,
        is_direct,
        -- measures
        row_number() over (
            partition by conversion_type, entity_id
            order by touched_at, touch_id
        ) as touch_number,
        count(*) over (partition by conversion_type, entity_id) as count_touches,
        -- times
        touched_at,
        ended_at
    from touches_in_window
)

select * from final
