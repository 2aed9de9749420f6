{%- set values = ['account_id', 'is_business_email'] -%}
with

build_window as (
    select * from {{ ref('int_pql__build_window') }}
),

account_people as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

people as (
    select * from {{ ref('dim_people') }}
    where is_identified
),

members as (
    select
        people.person_id,
        account_people.account_id,
        account_people.known_date,
        case when people.email is not null then people.is_business_email end as is_business_email,
        greatest(account_people.known_date, coalesce(people.email_known_date, account_people.known_date)) as email_known_date
    from people
    inner join account_people on people.person_id = account_people.person_id
),

states as (
    -- whose address comes to be known later is first somebody of whom it is not known
    select
        person_id,
        known_date,
        account_id,
        case when email_known_date = known_date then is_business_email end as is_business_email
    from members
    where known_date <= (select last_score_date from build_window)
    union all
    select
        person_id,
        email_known_date as known_date,
        account_id,
        is_business_email
    from members
    where
        email_known_date > known_date
        and email_known_date <= (select last_score_date from build_window)
),

states_of_now as (
    select * from states
    where (select open_date from build_window) < date '9999-12-31'
),

remembered as (
    {% if is_incremental() -%}
    select person_log.*
    from {{ this }} as person_log
    where (select open_date from build_window) < date '9999-12-31'
    {%- else -%}
    select
        person_id,
        known_date as known_from,
        {{ values | join(', ') }},
        false as is_withdrawn
    from states
    where false
    {%- endif %}
),

{{ changes_to_remember('states_of_now', 'remembered', ['person_id'], values, '(select open_date from build_window)') }},

final as (
    select
        person_id,
        cast(known_from as date) as known_from,
        is_withdrawn,
        {{ values | join(',\n        ') }}
    from changes
)

select * from final
