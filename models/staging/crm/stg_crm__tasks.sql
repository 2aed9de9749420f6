with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'tasks'
),

final as (
    select
        crm,
        record_id,
        {{ clean_text(crm_field('tasks', 'person_record_id')) }} as person_record_id,
        {{ clean_text(crm_field('tasks', 'about_record_id')) }} as about_record_id,
        {{ clean_text(crm_field('tasks', 'owner_id')) }} as owner_id,
        {{ clean_text(crm_field('tasks', 'subject')) }} as subject,
        coalesce(
            {{ clean_text(crm_field('tasks', 'task_type')) }},
            case
                when record_id like 'calls-%' then 'CALL'
                when record_id like 'emails-%' then 'EMAIL'
                when record_id like 'meetings-%' then 'MEETING'
            end
        ) as task_type,
        {{ clean_text(crm_field('tasks', 'status')) }} as status,
        try_cast(substr({{ crm_field('tasks', 'activity_date') }}, 1, 10) as date) as activity_date,
        {{ crm_field('tasks', 'created_at', 'time') }} as created_at,
        modified_at
    from records
)

select * from final
