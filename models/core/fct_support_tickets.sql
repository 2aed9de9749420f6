with

tickets as (
    select * from {{ ref('stg_support__tickets') }}
),

accounts as (
    select * from {{ ref('int_identity__accounts') }}
),

domain_accounts as (
    select * from {{ ref('int_identity__domain_accounts') }}
),

person_ids as (
    select * from {{ ref('bridge_person_ids') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

requesters as (
    -- a requester is an e-mail address or a user id
    select
        tickets.ticket_id,
        coalesce(emails.person_id, user_ids.person_id) as person_id
    from tickets
    left join person_ids as emails
        on
            tickets.requester_email = emails.id_value
            and emails.id_type = 'email'
    left join person_ids as user_ids
        on
            tickets.requester = user_ids.id_value
            and user_ids.id_type = 'user_id'
),

final as (
    select
        tickets.ticket_id,
        coalesce(
            accounts.account_id,
            domain_accounts.account_id,
            primary_accounts.account_id
        ) as account_id,
        requesters.person_id,
        tickets.channel,
        tickets.deflected_by,
        tickets.resolved_at is not null as is_resolved,
        {{ minutes_between('tickets.opened_at', 'tickets.first_response_at') }} as first_response_minutes,
        {{ minutes_between('tickets.opened_at', 'tickets.resolved_at') }} as resolution_minutes,
        tickets.opened_at,
        tickets.first_response_at,
        tickets.resolved_at
    from tickets
    inner join requesters on tickets.ticket_id = requesters.ticket_id
    left join accounts on tickets.account = accounts.account_id
    left join domain_accounts on lower(tickets.account) = domain_accounts.domain
    left join primary_accounts on requesters.person_id = primary_accounts.person_id
)

select * from final
