with

crossings as (
    select * from {{ ref('int_pql__handoff_crossings') }}
),

reasons as (
    select * from {{ ref('handoff_suppressions') }}
    where is_enabled
),

suppressed_domains as (
    select * from {{ ref('suppressed_domains') }}
),

internal_domains as (
    select * from {{ ref('internal_accounts') }}
    where kind = 'email_domain'
),

internal_accounts as (
    select * from {{ ref('int_core__internal_accounts') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

crm_marks as (
    select * from {{ ref('fct_crm_marks') }}
),

paying_periods as (
    select * from {{ ref('int_pql__paying_periods') }}
),

sales_touches as (
    select * from {{ ref('fct_sales_touches') }}
),

accounts_handed_off as (
    select distinct account_id
    from crossings
),

people_marked as (
    -- contacts and leads, each version while it held
    select
        account_id,
        valid_from,
        valid_to,
        case when is_opted_out then 1 else 0 end as opted_out,
        case when coalesce(consent = 'withdrawn', false) then 1 else 0 end as withdrawn,
        case when is_opted_out or coalesce(consent = 'withdrawn', false) then 1 else 0 end as unwilling,
        case when coalesce(consent = 'given', false) then 1 else 0 end as consenting
    from crm_marks
    where object in ('contacts', 'leads') and not is_deleted
),

people_changes as (
    select
        account_id,
        valid_from as changed_at,
        1 as people,
        opted_out,
        withdrawn,
        unwilling,
        consenting
    from people_marked
    union all
    select
        account_id,
        valid_to as changed_at,
        -1 as people,
        -opted_out as opted_out,
        -withdrawn as withdrawn,
        -unwilling as unwilling,
        -consenting as consenting
    from people_marked
    where valid_to is not null
),

people_changes_at_once as (
    select
        account_id,
        changed_at,
        sum(people) as people,
        sum(opted_out) as opted_out,
        sum(withdrawn) as withdrawn,
        sum(unwilling) as unwilling,
        sum(consenting) as consenting
    from people_changes
    group by account_id, changed_at
),

people_counted as (
    select
        account_id,
        changed_at as valid_from,
        lead(changed_at) over (partition by account_id order by changed_at) as valid_to,
        sum(people) over (partition by account_id order by changed_at) as people,
        sum(opted_out) over (partition by account_id order by changed_at) as opted_out,
        sum(withdrawn) over (partition by account_id order by changed_at) as withdrawn,
        sum(unwilling) over (partition by account_id order by changed_at) as unwilling,
        sum(consenting) over (partition by account_id order by changed_at) as consenting
    from people_changes_at_once
),

suppressions as (
    select
        account_id,
        'internal_account' as reason,
        reason as detail,
        {{ beginning_of_time() }} as valid_from,
        cast(null as timestamp) as valid_to
    from internal_accounts
    union all
    select
        accounts.account_id,
        'internal_account' as reason,
        internal_domains.reason as detail,
        {{ beginning_of_time() }} as valid_from,
        cast(null as timestamp) as valid_to
    from accounts
    inner join internal_domains on lower(accounts.domain) = lower(internal_domains.value)
    union all
    select
        accounts.account_id,
        suppressed_domains.reason,
        accounts.domain as detail,
        {{ beginning_of_time() }} as valid_from,
        cast(null as timestamp) as valid_to
    from accounts
    inner join suppressed_domains on lower(accounts.domain) like suppressed_domains.pattern
    union all
    select
        account_id,
        'competitor' as reason,
        'type of account in the CRM' as detail,
        valid_from,
        valid_to
    from crm_marks
    where object = 'accounts' and account_type = 'competitor' and not is_deleted
    union all
    select
        account_id,
        'do_not_contact' as reason,
        'marked in the CRM' as detail,
        valid_from,
        valid_to
    from crm_marks
    where object = 'accounts' and is_do_not_contact and not is_deleted
    union all
    select
        account_id,
        'already_paying' as reason,
        cast(null as varchar) as detail,
        cast(valid_from as timestamp) as valid_from,
        cast(valid_to as timestamp) as valid_to
    from paying_periods
    union all
    select
        account_id,
        'opted_out' as reason,
        concat(cast(people as varchar), ' of ', cast(people as varchar), ' opted out') as detail,
        valid_from,
        valid_to
    from people_counted
    where people > 0 and opted_out = people
    union all
    select
        account_id,
        'no_consent' as reason,
        concat(cast(withdrawn as varchar), ' of ', cast(people as varchar), ' withdrew consent') as detail,
        valid_from,
        valid_to
    from people_counted
    where people > 0 and withdrawn > 0 and unwilling = people
    union all
    select
        account_id,
        'consent_unknown' as reason,
        concat('none of ', cast(people as varchar), ' gave consent') as detail,
        valid_from,
        valid_to
    from people_counted
    where people > 0 and consenting = 0
    union all
    select
        sales_touches.account_id,
        reasons.reason,
        concat(sales_touches.touch_type, ' on ', cast(cast(sales_touches.touched_at as date) as varchar)) as detail,
        sales_touches.touched_at as valid_from,
        {{ add_hours('sales_touches.touched_at', 'reasons.within_days * 24') }} as valid_to
    from sales_touches
    inner join reasons on reasons.reason = 'recently_contacted'
),

final as (
    select distinct
        suppressions.account_id,
        suppressions.reason,
        suppressions.detail,
        suppressions.valid_from,
        suppressions.valid_to
    from suppressions
    inner join accounts_handed_off on suppressions.account_id = accounts_handed_off.account_id
    inner join reasons on suppressions.reason = reasons.reason
)

select * from final
