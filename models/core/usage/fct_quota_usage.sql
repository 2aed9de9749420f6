with

usage_reports as (
    select * from {{ ref('stg_events__usage_reports') }}
),

person_ids as (
    select * from {{ ref('bridge_person_ids') }}
),

account_people as (
    select * from {{ ref('bridge_account_people') }}
),

primary_accounts as (
    select
        person_ids.id_value as user_id,
        account_people.account_id,
        account_people.known_date
    from person_ids
    inner join account_people on person_ids.person_id = account_people.person_id
    where
        person_ids.id_type = 'user_id'
        and account_people.is_primary
),

reports_with_account as (
    -- the account named on the report, else the one its sender mainly belongs to
    select
        usage_reports.message_id as usage_report_id,
        coalesce(usage_reports.group_id, primary_accounts.account_id) as account_id,
        usage_reports.quota_used,
        usage_reports.quota_limit,
        usage_reports.reported_at,
        usage_reports.received_date,
        greatest(
            usage_reports.received_date,
            case when usage_reports.group_id is null then primary_accounts.known_date end
        ) as known_date
    from usage_reports
    left join primary_accounts on usage_reports.user_id = primary_accounts.user_id
    where
        usage_reports.quota_used is not null
        -- no limit, no share of it
        and usage_reports.quota_limit > 0
),

final as (
    select
        usage_report_id,
        account_id,
        cast(quota_used as decimal(18, 4)) as quota_used,
        cast(quota_limit as decimal(18, 4)) as quota_limit,
        cast(quota_used / quota_limit as decimal(18, 4)) as quota_share,
        cast(reported_at as date) as usage_date,
        reported_at,
        received_date,
        known_date
    from reports_with_account
    where account_id is not null
)

select * from final
