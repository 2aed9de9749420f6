with

person_id_changes as (
    select * from {{ ref('int_identity__person_id_changes') }}
),

final as (
    -- an id that is new changes nobody
    select
        version_number,
        id_type,
        id_value,
        previous_person_id,
        person_id,
        change,
        newest_load_id
    from person_id_changes
    where change <> 'first_seen'
)

select * from final
