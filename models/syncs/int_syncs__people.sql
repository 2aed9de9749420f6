with

people as (
    select * from {{ ref('dim_people') }}
),

milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

activations as (
    select
        person_id,
        min(reached_at) as activated_at
    from milestones
    where milestone = 'activation'
    group by person_id
),

emails_cleaned as (
    select
        person_id,
        primary_account_id as account_id,
        lower(trim(email)) as email,
        nullif(trim(first_name), '') as first_name,
        nullif(trim(last_name), '') as last_name,
        nullif(trim(title), '') as title,
        signed_up_at,
        last_seen_at
    from people
    where
        is_identified
        and primary_account_id is not null
),

final as (
    -- what both CRMs take for an e-mail address, and no longer than the shorter of their fields
    select
        emails_cleaned.person_id,
        emails_cleaned.account_id,
        emails_cleaned.email,
        emails_cleaned.first_name,
        emails_cleaned.last_name,
        emails_cleaned.title,
        emails_cleaned.signed_up_at,
        activations.activated_at,
        emails_cleaned.last_seen_at
    from emails_cleaned
    left join activations on emails_cleaned.person_id = activations.person_id
    where
        regexp_matches(
            emails_cleaned.email,
            '^[a-z0-9_%+-]+([.][a-z0-9_%+-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?[.])+[a-z]{2,}$'
        )
        and length(emails_cleaned.email) <= 80
)

select * from final
