with

marks as (
    select * from {{ ref('fct_crm_marks') }}
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
),

suppressions as (
    select * from {{ ref('handoff_suppressions') }}
),

consent_asked_for as (
    -- whether silence counts as a no is one rule for Sales and Marketing
    select coalesce(max(case when is_enabled then 1 else 0 end), 0) as is_needed
    from suppressions
    where reason = 'consent_unknown'
),

accounts_left_alone as (
    select distinct account_id
    from marks
    where
        object = 'accounts'
        and is_do_not_contact
        and valid_to is null
        and not is_deleted
),

people_marked as (
    select
        crm_records.person_id,
        max(case when marks.is_opted_out then 1 else 0 end) as is_opted_out,
        max(case when marks.consent = 'withdrawn' then 1 else 0 end) as is_withdrawn,
        max(case when marks.consent = 'given' then 1 else 0 end) as is_given
    from marks
    inner join crm_records
        on
            marks.crm = crm_records.crm
            and marks.object = crm_records.object
            and marks.record_id = crm_records.record_id
    where
        crm_records.person_id is not null
        and marks.valid_to is null
        and not marks.is_deleted
    group by crm_records.person_id
),

people as (
    select
        person_id,
        primary_account_id as account_id
    from {{ ref('dim_people') }}
),

final as (
    select
        people.person_id,
        case
            when accounts_left_alone.account_id is not null then 'do_not_contact'
            when people_marked.is_withdrawn = 1 then 'withdrawn'
            when people_marked.is_opted_out = 1 then 'opted_out'
            when people_marked.is_given = 1 then 'given'
            else 'unknown'
        end as consent,
        accounts_left_alone.account_id is null
        and coalesce(people_marked.is_withdrawn, 0) = 0
        and coalesce(people_marked.is_opted_out, 0) = 0
        and (consent_asked_for.is_needed = 0 or coalesce(people_marked.is_given, 0) = 1) as has_consent
    from people
    cross join consent_asked_for
    left join people_marked on people.person_id = people_marked.person_id
    left join accounts_left_alone on people.account_id = accounts_left_alone.account_id
)

select * from final
