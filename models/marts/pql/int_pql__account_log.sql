{%- set profile = ['employees', 'industry', 'country', 'tech_stack', 'hiring_signals', 'is_hiring_known'] -%}
{%- set values = profile + ['count_people', 'count_emails', 'count_business_emails'] -%}
with

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

account_people as (
    select * from {{ ref('bridge_account_people') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

sources as (
    -- a supplier that names nobody's open positions does not know them
    select max(case when hiring_signals is not null then 1 else 0 end) = 1 as tells_hiring
    from accounts
),

-- of what is known of a company nothing says since when: since the account itself is known
profiles as (
    select
        account_people.account_id,
        min(account_people.known_date) as known_date
    from account_people
    group by account_people.account_id
),

news as (
    select
        account_id,
        known_date,
        0 as new_people,
        0 as new_emails,
        0 as new_business_emails
    from profiles
    union all
    select
        account_id,
        known_date,
        1 as new_people,
        0 as new_emails,
        0 as new_business_emails
    from account_people
    union all
    select
        primary_account_id as account_id,
        email_known_date as known_date,
        0 as new_people,
        1 as new_emails,
        case when is_business_email then 1 else 0 end as new_business_emails
    from people
    where
        primary_account_id is not null
        and email is not null
),

news_by_day as (
    select
        account_id,
        known_date,
        sum(new_people) as new_people,
        sum(new_emails) as new_emails,
        sum(new_business_emails) as new_business_emails
    from news
    where known_date <= (select last_score_date from build_window)
    group by account_id, known_date
),

states as (
    select
        news_by_day.account_id,
        news_by_day.known_date,
        accounts.employees,
        accounts.industry,
        accounts.country,
        accounts.tech_stack,
        accounts.hiring_signals,
        coalesce(accounts.has_company_data and sources.tells_hiring, false) as is_hiring_known,
        cast(sum(news_by_day.new_people) over known_so_far as bigint) as count_people,
        cast(sum(news_by_day.new_emails) over known_so_far as bigint) as count_emails,
        cast(sum(news_by_day.new_business_emails) over known_so_far as bigint) as count_business_emails
    from news_by_day
    inner join accounts on news_by_day.account_id = accounts.account_id
    cross join sources
    where (select open_date from build_window) < date '9999-12-31'
    window known_so_far as (
        partition by news_by_day.account_id
        order by news_by_day.known_date
        rows between unbounded preceding and current row
    )
),

remembered as (
    {% if is_incremental() -%}
    select account_log.*
    from {{ this }} as account_log
    where (select open_date from build_window) < date '9999-12-31'
    {%- else -%}
    select
        account_id,
        known_date as known_from,
        {{ values | join(', ') }},
        false as is_withdrawn
    from states
    where false
    {%- endif %}
),

{{ changes_to_remember('states', 'remembered', ['account_id'], values, '(select open_date from build_window)') }},

final as (
    select
        account_id,
        cast(known_from as date) as known_from,
        is_withdrawn,
        {{ values | join(',\n        ') }}
    from changes
)

select * from final
