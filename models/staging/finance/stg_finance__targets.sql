with

targets as (
    select * from {{ source('raw', 'targets') }}
),

newest_file as (
    -- a target set again in a later file replaces the earlier one
    select *
    from targets
    qualify row_number() over (
        partition by {{ month_start('month') }}, lower(trim(metric)) order by load_id desc, file_id desc, line_number desc
    ) = 1
),

final as (
    select
        {{ month_start('month') }} as month,
        lower(trim(metric)) as metric,
        target
    from newest_file
)

select * from final
