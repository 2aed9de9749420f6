with

accounts as (
    select * from {{ ref('dim_accounts') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

icp_fit as (
    select * from {{ ref('int_pql__icp_fit') }}
),

-- company data carries no date it was learned on: it counts from sign-up on
icp_matches as (
    select
        accounts.account_id,
        'icp_match' as attribute,
        icp_fit.is_match as is_met,
        cast(accounts.signed_up_at as date) as known_date,
        cast(case when icp_fit.is_match then 1 else 0 end as bigint) as evidence_count,
        case when icp_fit.is_match then icp_fit.evidence else icp_fit.unknown end as evidence
    from accounts
    inner join icp_fit on accounts.account_id = icp_fit.account_id
),

people_with_email as (
    select
        primary_account_id as account_id,
        is_business_email,
        cast(coalesce(signed_up_at, first_seen_at) as date) as known_date
    from people
    where
        primary_account_id is not null
        and email is not null
),

business_emails_by_day as (
    select
        account_id,
        known_date,
        sum(case when is_business_email then 1 else 0 end) as count_new
    from people_with_email
    group by account_id, known_date
),

business_emails as (
    -- a row a day on which the count changed; it holds until the next
    select
        account_id,
        'business_email' as attribute,
        known_date,
        sum(count_new) over (
            partition by account_id
            order by known_date
            rows between unbounded preceding and current row
        ) as evidence_count
    from business_emails_by_day
),

attributes as (
    select
        account_id,
        attribute,
        is_met,
        known_date,
        evidence_count,
        evidence
    from icp_matches
    union all
    select
        account_id,
        attribute,
        evidence_count > 0 as is_met,
        known_date,
        cast(evidence_count as bigint) as evidence_count,
        cast(null as varchar) as evidence
    from business_emails
    union all
    -- until somebody's e-mail address is known nothing can be said about it
    select
        account_id,
        'business_email' as attribute,
        cast(null as boolean) as is_met,
        date '1970-01-01' as known_date,
        cast(0 as bigint) as evidence_count,
        cast(null as varchar) as evidence
    from accounts
),

final as (
    select
        account_id,
        attribute,
        known_date as valid_from,
        coalesce(
            lead(known_date) over (partition by account_id, attribute order by known_date), date '9999-12-31'
        ) as valid_to,
        is_met,
        evidence_count,
        evidence
    from attributes
)

select * from final
