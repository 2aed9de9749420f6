with

crm_owners as (
    select * from {{ ref('stg_crm__owners') }}
),

final as (
    select
        crm,
        record_id as owner_id,
        owner_name,
        email,
        is_active
    from crm_owners
)

select * from final
