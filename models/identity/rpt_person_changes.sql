with

person_id_changes as (
    select * from {{ ref('int_identity__person_id_changes') }}
),

versions as (
    select
        version_number,
        max(newest_load_id) as newest_load_id,
        count(distinct case when is_new_person then person_id end) as people_new,
        count(distinct case when is_previous_gone then previous_person_id end) as people_gone,
        count(distinct case when change = 'merged' then previous_person_id end) as people_merged,
        count(distinct case when change = 'split_off' then person_id end) as people_split_off,
        count(distinct case when change = 'renamed' then previous_person_id end) as people_renamed,
        count(case when change = 'first_seen' then 1 end) as ids_first_seen,
        count(case when previous_person_id is not null and person_id is not null then 1 end) as ids_moved,
        count(case when change = 'removed' then 1 end) as ids_removed
    from person_id_changes
    group by version_number
),

final as (
    select
        version_number,
        newest_load_id,
        cast(sum(people_new - people_gone) over (order by version_number) as bigint) as count_people,
        people_new,
        people_gone,
        people_merged,
        people_split_off,
        people_renamed,
        ids_first_seen,
        ids_moved,
        ids_removed
    from versions
)

select * from final
