-- Lengths Salesforce and HubSpot refuse.
with

accounts as (
    select * from {{ ref('sync_salesforce__accounts') }}
),

contacts as (
    select * from {{ ref('sync_salesforce__contacts') }}
),

leads as (
    select * from {{ ref('sync_salesforce__leads') }}
),

pqls as (
    select * from {{ ref('sync_salesforce__pqls') }}
)

select record_key from accounts
where length(account_name) > 255 or length(website) > 255 or length(pql_reason) > 255
union all
select record_key from contacts
where length(email) > 80 or length(first_name) > 40 or length(last_name) > 80 or length(title) > 128
union all
select record_key from pqls
where length(name) > 80 or length(reason) > 255
union all
select record_key from leads
where length(email) > 80 or length(first_name) > 40 or length(last_name) > 80 or length(company) > 255
