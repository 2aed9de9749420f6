with

campaign_members as (
    select * from {{ ref('stg_crm__campaign_members') }}
    where has_responded
),

crm_people as (
    select * from {{ ref('bridge_crm_records') }}
    where object in ('contacts', 'leads')
),

contacts as (
    select * from {{ ref('stg_crm__contacts') }}
),

responses as (
    select
        *,
        case when contact_record_id is not null then 'contacts' else 'leads' end as crm_object,
        coalesce(contact_record_id, lead_record_id) as crm_record_id,
        coalesce(first_responded_date, cast(created_at as date)) as responded_date
    from campaign_members
),

final as (
    select
        responses.crm,
        responses.record_id as campaign_member_id,
        responses.campaign_id,
        responses.crm_object,
        responses.crm_record_id,
        crm_people.person_id,
        crm_people.account_id,
        contacts.account_record_id as crm_account_id,
        responses.responded_date
    from responses
    left join crm_people
        on
            responses.crm = crm_people.crm
            and responses.crm_object = crm_people.object
            and responses.crm_record_id = crm_people.record_id
    left join contacts
        on
            responses.crm = contacts.crm
            and responses.contact_record_id = contacts.record_id
    -- neither a response date nor a creation: nobody knows when
    where responses.responded_date is not null
)

select * from final
