with

contacts as (
    select * from {{ ref('stg_crm__contacts') }}
),

leads as (
    select * from {{ ref('stg_crm__leads') }}
),

lead_statuses as (
    select * from {{ ref('stg_crm__lead_statuses') }}
),

lead_status_kinds as (
    select * from {{ ref('lead_status_kinds') }}
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
),

records as (
    select
        crm,
        'contacts' as crm_object,
        record_id,
        account_record_id,
        mql_at,
        sql_at,
        cast(null as timestamp) as converted_at
    from contacts
    union all
    select
        crm,
        'leads' as crm_object,
        record_id,
        converted_account_record_id as account_record_id,
        mql_at,
        sql_at,
        case
            when is_converted then coalesce(cast(converted_date as timestamp), modified_at)
        end as converted_at
    from leads
),

status_sights as (
    select
        lead_statuses.crm,
        lead_statuses.object as crm_object,
        lead_statuses.record_id,
        lead_status_kinds.kind,
        min(lead_statuses.first_seen_at) as first_seen_at
    from lead_statuses
    inner join lead_status_kinds
        on
            lead_statuses.crm = lead_status_kinds.crm
            and lead_statuses.field = lead_status_kinds.field
            and lead_statuses.status = lead_status_kinds.status
    group by 1, 2, 3, 4
),

evidence as (
    -- what the CRM dates itself goes before what its versions show
    select
        crm,
        crm_object,
        record_id,
        'mql' as kind,
        'date_field' as evidence,
        1 as evidence_rank,
        mql_at as qualified_at
    from records
    union all
    select
        crm,
        crm_object,
        record_id,
        'sql' as kind,
        'date_field' as evidence,
        1 as evidence_rank,
        sql_at as qualified_at
    from records
    union all
    select
        crm,
        crm_object,
        record_id,
        'sql' as kind,
        'conversion' as evidence,
        2 as evidence_rank,
        converted_at as qualified_at
    from records
    union all
    select
        crm,
        crm_object,
        record_id,
        kind,
        'status' as evidence,
        3 as evidence_rank,
        first_seen_at as qualified_at
    from status_sights
),

best_evidence as (
    select *
    from evidence
    where qualified_at is not null
    qualify
        row_number() over (
            partition by crm, crm_object, record_id, kind
            order by evidence_rank
        ) = 1
),

final as (
    select
        -- keys
        best_evidence.crm,
        best_evidence.crm_object,
        best_evidence.record_id as crm_record_id,
        best_evidence.kind,
        crm_people.person_id,
        coalesce(crm_people.account_id, crm_accounts.account_id) as account_id,
        records.account_record_id as crm_account_id,
        -- attributes
        best_evidence.evidence,
        -- times
        best_evidence.qualified_at
    from best_evidence
    inner join records
        on
            best_evidence.crm = records.crm
            and best_evidence.crm_object = records.crm_object
            and best_evidence.record_id = records.record_id
    left join crm_records as crm_people
        on
            best_evidence.crm = crm_people.crm
            and best_evidence.crm_object = crm_people.object
            and best_evidence.record_id = crm_people.record_id
    left join crm_records as crm_accounts
        on
            records.crm = crm_accounts.crm
            and records.account_record_id = crm_accounts.record_id
            and crm_accounts.object = 'accounts'
)

select * from final
