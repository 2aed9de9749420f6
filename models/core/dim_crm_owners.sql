with

crm_owners as (
    select * from {{ ref('stg_crm__owners') }}
),

final as (
    select
        crm_owners.crm,
        crm_owners.record_id as owner_id,
        crm_owners.owner_name,
        crm_owners.email,
        crm_owners.is_active,
        crm_owners.team_name,
        crm_owners.time_zone,
        managers.email as manager_email,
        crm_owners.inactive_since
    from crm_owners
    left join crm_owners as managers
        on
            crm_owners.crm = managers.crm
            and crm_owners.manager_record_id = managers.record_id
)

select * from final
