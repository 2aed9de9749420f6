with

event_registry as (
    select * from {{ ref('event_registry') }}
),

pairs as (
    select
        event_name,
        {{ split_to_rows('required_properties') }} as pair
    from event_registry
    where required_properties is not null
),

final as (
    select
        event_name,
        trim(split_part(pair, ':', 1)) as property_name,
        lower(trim(split_part(pair, ':', 2))) as expected_kind
    from pairs
    where trim(pair) <> ''
)

select * from final
