with

marketing_audiences as (
    select * from {{ ref('marketing_audiences') }}
),

contacts as (
    select * from {{ ref('sync_hubspot__contacts') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

audience_members as (
    select * from {{ ref('fct_audience_members') }}
),

trials as (
    select * from {{ ref('fct_trials') }}
),

person_days as (
    select * from {{ ref('fct_person_days') }}
),

consents as (
    select * from {{ ref('int_syncs__consents') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

members as (
    select
        marketing_audiences.audience,
        audience_members.person_id
    from marketing_audiences
    inner join audience_members on marketing_audiences.value = audience_members.audience
    where marketing_audiences.rule = 'audience_member'
    union
    select
        marketing_audiences.audience,
        contacts.person_id
    from marketing_audiences
    cross join contacts
    inner join accounts on contacts.account_id = accounts.account_id
    where
        marketing_audiences.rule = 'activated_not_paid'
        and contacts.activated_at is not null
        and not accounts.is_paying
    union
    select
        marketing_audiences.audience,
        contacts.person_id
    from marketing_audiences
    cross join contacts
    cross join clock
    inner join trials on contacts.account_id = trials.account_id
    where
        marketing_audiences.rule = 'trial_ending'
        and trials.outcome = 'running'
        and trials.scheduled_end_at > clock.as_of_at
        and trials.scheduled_end_at <= {{ add_hours('clock.as_of_at', '24 * marketing_audiences.within_days') }}
    union
    select
        marketing_audiences.audience,
        person_days.person_id
    from marketing_audiences
    cross join clock
    inner join person_days on marketing_audiences.value = person_days.event_name
    where
        marketing_audiences.rule = 'event_within'
        and person_days.last_event_at > {{ add_hours('clock.as_of_at', '-24 * marketing_audiences.within_days') }}
        and person_days.first_event_at <= clock.as_of_at
),

final as (
    select
        -- by address, as HubSpot knows a contact: whose person was merged stays in the list
        concat(members.audience, '|', contacts.email) as record_key,
        members.audience,
        marketing_audiences.list_name,
        contacts.person_id,
        contacts.email,
        consents.consent,
        consents.has_consent
    from members
    inner join marketing_audiences on members.audience = marketing_audiences.audience
    -- who is no contact there can be in no list
    inner join contacts on members.person_id = contacts.person_id
    inner join consents on members.person_id = consents.person_id
)

select * from final
