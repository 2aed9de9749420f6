-- person-days are conserved from the facts to the daily counts, and a longer window never
-- holds fewer people
with

rpt_active_users as (
    select * from {{ ref('rpt_active_users') }}
),

person_days as (
    select
        activity_date,
        count(*) as count_people
    from {{ ref('int_retention__active_days') }}
    where entity_type = 'person'
    group by activity_date
)

select
    coalesce(rpt_active_users.activity_date, person_days.activity_date) as activity_date,
    person_days.count_people as expected,
    rpt_active_users.dau as found
from rpt_active_users
full join person_days
    on rpt_active_users.activity_date = person_days.activity_date
where
    coalesce(person_days.count_people, 0) != coalesce(rpt_active_users.dau, -1)
    or rpt_active_users.dau > rpt_active_users.wau
    or rpt_active_users.wau > rpt_active_users.mau
