with

definition_log as (
    select * from {{ ref('int_pql__definition_log') }}
),

builds as (
    select
        model_key,
        build_number,
        max(version) as version
    from definition_log
    group by model_key, build_number
),

builds_in_order as (
    select
        model_key,
        build_number,
        lag(version) over (partition by model_key order by build_number) as previous_version
    from builds
),

changes as (
    select
        definition_log.*,
        builds_in_order.previous_version,
        lag(definition_log.definition) over parts as from_definition,
        lag(definition_log.points) over parts as from_points
    from definition_log
    inner join builds_in_order
        on
            definition_log.model_key = builds_in_order.model_key
            and definition_log.build_number = builds_in_order.build_number
    window parts as (
        partition by definition_log.model_key, definition_log.part, definition_log.part_key
        order by definition_log.build_number
    )
),

final as (
    select
        -- keys
        changes.build_number,
        changes.model_key,
        changes.part,
        changes.part_key,
        -- attributes
        changes.version,
        case
            when changes.previous_version is null then 'first'
            when changes.from_definition is null then 'added'
            when changes.definition is null then 'removed'
            else 'changed'
        end as change,
        coalesce(changes.part <> 'status' and changes.version = changes.previous_version, false) as is_without_version,
        row_number() over (
            partition by changes.model_key, changes.part, changes.part_key
            order by changes.build_number desc
        ) = 1 as is_latest,
        changes.from_definition,
        changes.definition as to_definition,
        -- measures
        changes.from_points,
        changes.points as to_points,
        -- times
        changes.recorded_at
    from changes
)

select * from final
