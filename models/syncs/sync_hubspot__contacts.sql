with

people as (
    select * from {{ ref('int_syncs__people') }}
),

account_pqls as (
    select * from {{ ref('int_syncs__account_pqls') }}
),

people_ranked as (
    -- HubSpot knows a contact by its e-mail: of two people with one address the first to sign up
    select
        *,
        row_number() over (
            partition by email
            order by signed_up_at nulls last, person_id
        ) as place
    from people
),

final as (
    select
        people_ranked.email as record_key,
        people_ranked.person_id,
        people_ranked.account_id,
        people_ranked.email,
        substr(people_ranked.first_name, 1, 255) as first_name,
        substr(people_ranked.last_name, 1, 255) as last_name,
        substr(people_ranked.title, 1, 255) as job_title,
        people_ranked.signed_up_at,
        people_ranked.activated_at,
        people_ranked.last_seen_at,
        account_pqls.tier as pql_tier
    from people_ranked
    left join account_pqls on people_ranked.account_id = account_pqls.account_id
    where people_ranked.place = 1
)

select * from final
