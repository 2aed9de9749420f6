with

records as (
    select * from {{ ref('base_crm__records') }}
    where object_name = 'owners'
),

versions as (
    select * from {{ source('raw', 'crm_records') }}
    where object_name = 'owners'
),

activity as (
    select
        crm,
        record_id,
        modified_at,
        coalesce({{ crm_field('owners', 'is_active', 'bool') }}, true) and not coalesce(is_deleted, false) as is_active
    from versions
),

last_active as (
    select
        crm,
        record_id,
        max(case when is_active then modified_at end) as active_at
    from activity
    group by crm, record_id
),

inactive_times as (
    -- since the first version that says so and is followed by no other
    select
        activity.crm,
        activity.record_id,
        min(activity.modified_at) as inactive_since
    from activity
    inner join last_active
        on
            activity.crm = last_active.crm
            and activity.record_id = last_active.record_id
    where not activity.is_active and (last_active.active_at is null or activity.modified_at > last_active.active_at)
    group by activity.crm, activity.record_id
),

owners_read as (
    select
        crm,
        record_id,
        coalesce(
            {{ clean_text(crm_field('owners', 'owner_name')) }},
            {{ clean_text("concat_ws(' ', " ~ crm_field('owners', 'first_name') ~ ", " ~ crm_field('owners', 'last_name') ~ ")") }}
        ) as owner_name,
        {{ clean_email(crm_field('owners', 'email')) }} as email,
        coalesce({{ crm_field('owners', 'is_active', 'bool') }}, true) as is_active,
        {{ clean_text(crm_field('owners', 'team_name')) }} as team_name,
        {{ clean_text(crm_field('owners', 'time_zone')) }} as time_zone,
        {{ clean_text(crm_field('owners', 'manager_record_id')) }} as manager_record_id,
        modified_at
    from records
),

final as (
    select
        owners_read.*,
        inactive_times.inactive_since
    from owners_read
    left join inactive_times
        on
            owners_read.crm = inactive_times.crm
            and owners_read.record_id = inactive_times.record_id
)

select * from final
