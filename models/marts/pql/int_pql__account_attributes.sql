with

profiles as (
    select * from {{ ref('int_pql__account_profiles') }}
),

icp_fit as (
    select * from {{ ref('int_pql__icp_fit') }}
),

attributes as (
    select
        account_id,
        valid_from,
        attribute,
        is_match as is_met,
        cast(null as decimal(18, 4)) as number_value,
        case when is_match then 1 else 0 end as evidence_count,
        case when is_match then evidence else unknown end as evidence
    from icp_fit
    union all
    -- until somebody's e-mail address is known nothing can be said about it
    select
        account_id,
        valid_from,
        'business_email' as attribute,
        case when count_emails > 0 then count_business_emails > 0 end as is_met,
        cast(null as decimal(18, 4)) as number_value,
        count_business_emails as evidence_count,
        cast(null as varchar) as evidence
    from profiles
    union all
    -- a signal says how many are enough
    select
        account_id,
        valid_from,
        'employees' as attribute,
        case when employees is not null then true end as is_met,
        cast(employees as decimal(18, 4)) as number_value,
        1 as evidence_count,
        cast(employees as varchar) || case when employees = 1 then ' person' else ' people' end as evidence
    from profiles
    union all
    -- a company the data supplier does not have is not one that hires nobody
    select
        account_id,
        valid_from,
        'hiring_signals' as attribute,
        case
            when coalesce(hiring_signals, '') <> '' then true
            when is_hiring_known then false
        end as is_met,
        cast(null as decimal(18, 4)) as number_value,
        1 as evidence_count,
        hiring_signals as evidence
    from profiles
),

final as (
    select
        attributes.account_id,
        attributes.attribute,
        attributes.valid_from,
        profiles.valid_to,
        attributes.is_met,
        attributes.number_value,
        cast(attributes.evidence_count as bigint) as evidence_count,
        attributes.evidence
    from attributes
    inner join profiles
        on
            attributes.account_id = profiles.account_id
            and attributes.valid_from = profiles.valid_from
)

select * from final
