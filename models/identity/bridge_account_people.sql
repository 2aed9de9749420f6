with

memberships as (
    select * from {{ ref('int_identity__account_memberships') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

id_pairs as (
    select * from {{ ref('int_identity__id_pairs') }}
),

person_traits as (
    select * from {{ ref('int_identity__person_traits') }}
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

crm_account_matches as (
    select * from {{ ref('int_identity__crm_account_matches') }}
),

crm_person_matches as (
    select * from {{ ref('int_identity__crm_person_matches') }}
),

company_name_matches as (
    select * from {{ ref('int_identity__company_name_matches') }}
),

ip_matches as (
    select * from {{ ref('int_identity__ip_matches') }}
),

account_evidence as (
    select * from {{ ref('account_evidence') }}
    where is_used
),

identified_people as (
    select
        user_people.person_id,
        min(user_people.first_seen_at) as first_seen_at,
        min(id_pairs.known_date) as known_date
    from user_people
    left join id_pairs on user_people.user_id = id_pairs.user_id
    group by user_people.person_id
),

weaker_evidence as (
    select distinct
        crm_account_matches.account_id,
        crm_person_matches.person_id,
        'crm_contact' as method,
        cast(1 as decimal(4, 3)) as similarity,
        cast(null as date) as known_date
    from crm_person_matches
    inner join crm_account_matches
        on
            crm_person_matches.crm = crm_account_matches.crm
            and crm_person_matches.account_record_id = crm_account_matches.record_id
    -- what our own sync wrote tells only what we thought before
    where not coalesce(crm_person_matches.is_made_by_sync, false)
    union all
    select
        domain_accounts.account_id,
        person_traits.person_id,
        'email_domain' as method,
        cast(1 as decimal(4, 3)) as similarity,
        person_traits.email_known_date as known_date
    from person_traits
    inner join domain_accounts on person_traits.email_domain = domain_accounts.domain
    where person_traits.is_business_email
    union all
    select
        account_id,
        person_id,
        'company_name' as method,
        similarity,
        cast(null as date) as known_date
    from company_name_matches
    union all
    select
        account_id,
        person_id,
        'ip_range' as method,
        cast(1 as decimal(4, 3)) as similarity,
        cast(null as date) as known_date
    from ip_matches
),

assignments as (
    select
        account_id,
        person_id,
        'group' as method,
        cast(1 as decimal(4, 3)) as similarity,
        count_events,
        first_seen_at,
        known_date
    from memberships
    union all
    select
        weaker_evidence.account_id,
        weaker_evidence.person_id,
        weaker_evidence.method,
        weaker_evidence.similarity,
        0 as count_events,
        identified_people.first_seen_at,
        -- what the evidence itself does not date counts since the person is known
        greatest(weaker_evidence.known_date, identified_people.known_date) as known_date
    from weaker_evidence
    inner join identified_people on weaker_evidence.person_id = identified_people.person_id
),

assignments_ranked as (
    select
        assignments.account_id,
        assignments.person_id,
        assignments.method,
        account_evidence.confidence * assignments.similarity as confidence,
        assignments.count_events,
        assignments.first_seen_at,
        assignments.known_date,
        account_evidence.evidence_rank,
        min(account_evidence.evidence_rank) over (partition by assignments.person_id) as best_rank
    from assignments
    inner join account_evidence on assignments.method = account_evidence.method
),

final as (
    -- where better evidence speaks, weaker is silent
    select
        account_id,
        person_id,
        method,
        cast(confidence as decimal(4, 3)) as confidence,
        row_number() over (
            partition by person_id
            order by count_events desc, first_seen_at asc, account_id asc
        ) = 1 as is_primary,
        first_seen_at,
        coalesce(known_date, cast(first_seen_at as date)) as known_date
    from assignments_ranked
    where evidence_rank = best_rank
)

select * from final
