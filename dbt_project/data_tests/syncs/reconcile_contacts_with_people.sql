-- Nobody is lost or doubled between the people a CRM may hold and the lists of contacts and leads.
with

people as (
    select * from {{ ref('int_syncs__people') }}
),

salesforce as (
    select record_key from {{ ref('sync_salesforce__contacts') }}
    union all
    select record_key from {{ ref('sync_salesforce__leads') }}
),

hubspot as (
    select * from {{ ref('sync_hubspot__contacts') }}
),

counts as (
    select
        (select count(*) from people) as count_people,
        (select count(*) from salesforce) as count_salesforce,
        (select count(distinct record_key) from salesforce) as count_salesforce_people,
        (select count(distinct email) from people) as count_emails,
        (select count(*) from hubspot) as count_hubspot
)

select *
from counts
where
    count_people <> count_salesforce
    or count_people <> count_salesforce_people
    or count_emails <> count_hubspot
