with

details as (
    select * from {{ ref('stg_events__details') }}
    where event_name in ('{{ var("limit_events") | join("', '") }}')
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

devices as (
    select * from {{ ref('int_identity__devices') }}
),

device_spans as (
    select * from {{ ref('int_identity__device_spans') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

encounters_bound as (
    select
        details.*,
        {{ person_of_event() }} as person_id
    from details
    {{ joins_to_people('details', 'event_at') }}
),

final as (
    select
        -- keys
        encounters_bound.message_id,
        encounters_bound.person_id,
        coalesce(encounters_bound.group_id, primary_accounts.account_id) as account_id,
        -- attributes
        encounters_bound.event_name,
        coalesce(encounters_bound.gate, 'unknown') as gate,
        -- times
        encounters_bound.event_at as met_at
    from encounters_bound
    left join primary_accounts on encounters_bound.person_id = primary_accounts.person_id
)

select * from final
