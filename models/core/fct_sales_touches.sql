with

tasks as (
    select * from {{ ref('stg_crm__tasks') }}
),

contacts as (
    select * from {{ ref('stg_crm__contacts') }}
),

crm_records as (
    select * from {{ ref('bridge_crm_records') }}
),

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

crm_owners as (
    select * from {{ ref('dim_crm_owners') }}
),

ignored_sales_tasks as (
    select * from {{ ref('ignored_sales_tasks') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

crm_accounts as (
    select * from crm_records
    where object = 'accounts'
),

crm_people as (
    -- contacts and leads; in HubSpot the two are numbered apart
    select * from crm_records
    where object in ('contacts', 'leads')
    qualify row_number() over (partition by crm, record_id order by object) = 1
),

tasks_described as (
    select
        tasks.crm,
        tasks.record_id,
        tasks.person_record_id,
        tasks.about_record_id,
        tasks.owner_id,
        tasks.subject,
        tasks.activity_date,
        tasks.created_at,
        tasks.modified_at,
        lower(tasks.status) as status,
        lower(tasks.task_type) as task_type,
        lower(tasks.subject) as subject_lower,
        lower(crm_owners.owner_name) as owner_name,
        lower(crm_owners.email) as owner_email
    from tasks
    left join crm_owners
        on
            tasks.crm = crm_owners.crm
            and tasks.owner_id = crm_owners.owner_id
),

tasks_ignored as (
    select distinct
        tasks_described.crm,
        tasks_described.record_id
    from tasks_described
    inner join ignored_sales_tasks
        on
            case ignored_sales_tasks.field
                when 'status' then tasks_described.status
                when 'task_type' then tasks_described.task_type
                when 'subject' then tasks_described.subject_lower
                when 'owner_name' then tasks_described.owner_name
                when 'owner_email' then tasks_described.owner_email
            end like ignored_sales_tasks.pattern
),

tasks_timed as (
    -- a CRM keeps the day a task was for, and when it was written down: where both are one day
    -- the moment is known; otherwise the day, or when it was last changed if it was done ahead
    select
        tasks_described.*,
        tasks_ignored.record_id is null as is_human,
        coalesce(
            tasks_described.activity_date is null
            or cast(tasks_described.created_at as date) = tasks_described.activity_date, false
        ) as is_exact_time,
        case
            when cast(tasks_described.created_at as date) = tasks_described.activity_date then tasks_described.created_at
            when tasks_described.activity_date is null then tasks_described.created_at
            when
                tasks_described.status = 'completed'
                and cast(tasks_described.modified_at as date) < tasks_described.activity_date
                then tasks_described.modified_at
            else cast(tasks_described.activity_date as timestamp)
        end as touched_at
    from tasks_described
    left join tasks_ignored
        on
            tasks_described.crm = tasks_ignored.crm
            and tasks_described.record_id = tasks_ignored.record_id
),

final as (
    -- an account is that of the record the task is about, else of the person it is with
    select
        -- keys
        tasks_timed.crm || ':' || tasks_timed.record_id as sales_touch_id,
        tasks_timed.crm,
        tasks_timed.record_id,
        coalesce(
            opportunities.account_id,
            about_accounts.account_id,
            crm_people.account_id,
            contact_accounts.account_id
        ) as account_id,
        crm_people.person_id,
        tasks_timed.owner_id,
        -- attributes
        case
            when tasks_timed.task_type like '%call%' or tasks_timed.subject_lower like 'call%' then 'call'
            when tasks_timed.task_type like '%email%' or tasks_timed.subject_lower like 'email%' then 'email'
            when
                tasks_timed.task_type like '%meeting%'
                or tasks_timed.task_type like '%event%'
                or tasks_timed.subject_lower like 'meeting%'
                then 'meeting'
            else 'other'
        end as touch_type,
        tasks_timed.subject,
        tasks_timed.is_exact_time,
        -- times
        tasks_timed.touched_at
    from tasks_timed
    cross join as_of
    left join opportunities
        on
            tasks_timed.crm = opportunities.crm
            and tasks_timed.about_record_id = opportunities.opportunity_id
    left join crm_accounts as about_accounts
        on
            tasks_timed.crm = about_accounts.crm
            and tasks_timed.about_record_id = about_accounts.record_id
    left join crm_people
        on
            tasks_timed.crm = crm_people.crm
            and tasks_timed.person_record_id = crm_people.record_id
    left join contacts
        on
            tasks_timed.crm = contacts.crm
            and tasks_timed.person_record_id = contacts.record_id
    left join crm_accounts as contact_accounts
        on
            contacts.crm = contact_accounts.crm
            and contacts.account_record_id = contact_accounts.record_id
    where
        tasks_timed.is_human
        and tasks_timed.touched_at < as_of.as_of_at
)

select * from final
