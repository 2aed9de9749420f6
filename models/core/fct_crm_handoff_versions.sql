with

handoff_versions as (
    select * from {{ ref('stg_crm__handoff_versions') }}
),

final as (
    select
        crm,
        record_id,
        modified_at,
        handoff_id,
        model_key,
        account_id,
        owner_id,
        crm_status,
        rejection_reason,
        -- when the rep says it was; never later than when it was written down
        least(coalesce(status_at, modified_at), modified_at) as status_at
    from handoff_versions
)

select * from final
