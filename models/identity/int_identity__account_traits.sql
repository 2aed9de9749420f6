with

groups as (
    select * from {{ ref('stg_events__groups') }}
),

memberships as (
    select * from {{ ref('int_identity__account_memberships') }}
),

email_domains as (
    select * from {{ ref('free_email_domains') }}
),

newest_traits as (
    select
        group_id as account_id,
        max_by(account_name, last_grouped_at) filter (where account_name is not null) as account_name,
        max_by(groups.domain, last_grouped_at) filter (where groups.domain is not null and email_domains.domain is null) as declared_domain,
        max_by(industry, last_grouped_at) filter (where industry is not null) as industry,
        max_by(employees, last_grouped_at) filter (where employees is not null) as employees,
        max_by(plan, last_grouped_at) filter (where plan is not null) as plan
    from groups
    left join email_domains on groups.domain = email_domains.domain
    group by group_id
),

accounts_seen as (
    select
        account_id,
        min(first_seen_at) as first_seen_at
    from memberships
    group by account_id
),

final as (
    select
        accounts_seen.account_id,
        newest_traits.account_name,
        newest_traits.declared_domain,
        newest_traits.industry,
        newest_traits.employees,
        newest_traits.plan,
        accounts_seen.first_seen_at
    from accounts_seen
    left join newest_traits on accounts_seen.account_id = newest_traits.account_id
)

select * from final
