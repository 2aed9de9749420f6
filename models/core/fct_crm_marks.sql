with

record_marks as (
    select * from {{ ref('stg_crm__record_marks') }}
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
),

final as (
    select
        record_marks.crm,
        record_marks.object,
        record_marks.record_id,
        crm_records.account_id,
        record_marks.account_type,
        record_marks.is_do_not_contact,
        record_marks.is_opted_out,
        record_marks.consent,
        record_marks.is_deleted,
        record_marks.valid_from,
        record_marks.valid_to
    from record_marks
    inner join crm_records
        on
            record_marks.crm = crm_records.crm
            and record_marks.object = crm_records.object
            and record_marks.record_id = crm_records.record_id
    where crm_records.account_id is not null
)

select * from final
