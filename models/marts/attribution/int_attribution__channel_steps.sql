with

path_touches as (
    select * from {{ ref('int_attribution__path_touches') }}
),

steps as (
    -- into each touch from the one before (or from nothing), and out of the last one
    select
        conversion_type,
        lag(channel) over (
            partition by conversion_type, entity_id
            order by touch_number
        ) as from_channel,
        channel as to_channel,
        false as is_conversion
    from path_touches

    union all

    select
        conversion_type,
        channel as from_channel,
        cast(null as varchar) as to_channel,
        conversion_id is not null as is_conversion
    from path_touches
    where touch_number = count_touches
),

final as (
    select
        conversion_type,
        from_channel,
        to_channel,
        is_conversion,
        count(*) as count_steps
    from steps
    group by 1, 2, 3, 4
)

select * from final
