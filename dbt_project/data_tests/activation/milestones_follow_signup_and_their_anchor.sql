-- a milestone lies at or after sign-up, and a habit on a later UTC date than the activation
with

fct_person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

anchors as (
    select distinct
        milestone,
        after_milestone
    from {{ ref('milestone_definitions') }}
    where product_line = {{ product_line() }} and after_milestone is not null
),

before_signup as (
    select
        person_id,
        milestone,
        reached_at,
        signed_up_at as not_before_at
    from fct_person_milestones
    where reached_at < signed_up_at or minutes_since_signup < 0
),

not_after_the_anchor as (
    select
        later.person_id,
        later.milestone,
        later.reached_at,
        earlier.reached_at as not_before_at
    from fct_person_milestones as later
    inner join anchors
        on later.milestone = anchors.milestone
    left join fct_person_milestones as earlier
        on
            later.person_id = earlier.person_id
            and anchors.after_milestone = earlier.milestone
    where
        earlier.reached_at is null
        or cast(later.reached_at as date) <= cast(earlier.reached_at as date)
)

select
    person_id,
    milestone,
    reached_at,
    not_before_at
from before_signup
union all
select
    person_id,
    milestone,
    reached_at,
    not_before_at
from not_after_the_anchor
