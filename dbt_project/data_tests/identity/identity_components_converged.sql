-- Both ends of every merging edge are in one component. A row here means that
-- var component_rounds is too small for the chains in the data.
with

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

merging_evidence as (
    select * from {{ ref('fct_identity_links') }}
    where is_merging
),

merging_links as (
    select
        user_id,
        id_value as other_user_id
    from merging_evidence
    where id_type = 'user_id'
    union all
    select
        links.user_id,
        others.user_id as other_user_id
    from merging_evidence as links
    inner join merging_evidence as others
        on
            links.compare_key = others.compare_key
            and links.id_type = 'email'
            and others.id_type = 'email'
)

select
    merging_links.user_id,
    merging_links.other_user_id
from merging_links
inner join user_people on merging_links.user_id = user_people.user_id
inner join user_people as other_people on merging_links.other_user_id = other_people.user_id
where user_people.component_label <> other_people.component_label
