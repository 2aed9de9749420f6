-- Both ends of every merging edge are in one component. A row here means that
-- var component_rounds is too small for the chains in the data.
with

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

shared_emails as (
    select id_value
    from {{ ref('int_identity__links') }}
    where evidence = 'verified_email'
    group by id_value
    having
        count(distinct user_id) > 1
        and count(distinct user_id) <= {{ var('max_component_user_ids') }}
),

merging_links as (
    select
        links.user_id,
        links.id_value as other_user_id
    from {{ ref('int_identity__links') }} as links
    where links.id_type = 'user_id' and links.evidence = 'alias'
    union all
    select
        links.user_id,
        others.user_id as other_user_id
    from {{ ref('int_identity__links') }} as links
    inner join {{ ref('int_identity__links') }} as others
        on
            links.id_value = others.id_value
            and links.evidence = 'verified_email'
            and others.evidence = 'verified_email'
    inner join shared_emails on links.id_value = shared_emails.id_value
)

select
    merging_links.user_id,
    merging_links.other_user_id
from merging_links
inner join user_people on merging_links.user_id = user_people.user_id
inner join user_people as other_people on merging_links.other_user_id = other_people.user_id
where user_people.component_label <> other_people.component_label
