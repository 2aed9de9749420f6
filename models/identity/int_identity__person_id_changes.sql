with

person_ids as (
    select * from {{ ref('bridge_person_ids') }}
),

build_state as (
    select max(newest_load_id) as newest_load_id
    from {{ ref('stg_events__build_state') }}
),

earlier_changes as (
    {% if is_incremental() -%}
    select
        version_number,
        id_type,
        id_value,
        person_id
    from {{ this }}
    {%- else -%}
    select
        cast(0 as bigint) as version_number,
        id_type,
        id_value,
        person_id
    from person_ids
    where false
    {%- endif %}
),

newest_version as (
    select coalesce(max(version_number), 0) as version_number
    from earlier_changes
),

newest_changes as (
    select *
    from earlier_changes
    qualify row_number() over (partition by id_type, id_value order by version_number desc) = 1
),

previous as (
    select * from newest_changes
    where person_id is not null
),

previous_people as (
    select distinct person_id from previous
),

people as (
    select distinct person_id from person_ids
),

compared as (
    select
        coalesce(person_ids.id_type, previous.id_type) as id_type,
        coalesce(person_ids.id_value, previous.id_value) as id_value,
        previous.person_id as previous_person_id,
        person_ids.person_id
    from person_ids
    full join previous
        on
            person_ids.id_type = previous.id_type
            and person_ids.id_value = previous.id_value
    where person_ids.person_id is distinct from previous.person_id
),

people_looked_up as (
    select
        compared.*,
        compared.person_id is not null and previous_people.person_id is null as is_new_person,
        compared.previous_person_id is not null and people.person_id is null as is_previous_gone,
        min(compared.person_id) over (partition by compared.previous_person_id)
        <> max(compared.person_id) over (partition by compared.previous_person_id) as is_scattered
    from compared
    left join previous_people on compared.person_id = previous_people.person_id
    left join people on compared.previous_person_id = people.person_id
),

final as (
    select
        cast(newest_version.version_number + 1 as bigint) as version_number,
        people_looked_up.id_type,
        people_looked_up.id_value,
        people_looked_up.previous_person_id,
        people_looked_up.person_id,
        case
            when people_looked_up.previous_person_id is null then 'first_seen'
            when people_looked_up.person_id is null then 'removed'
            when not people_looked_up.is_new_person and people_looked_up.is_previous_gone then 'merged'
            when not people_looked_up.is_new_person then 'moved'
            when people_looked_up.is_previous_gone and not people_looked_up.is_scattered then 'renamed'
            else 'split_off'
        end as change,
        people_looked_up.is_new_person,
        people_looked_up.is_previous_gone,
        build_state.newest_load_id
    from people_looked_up
    cross join newest_version
    cross join build_state
)

select * from final
