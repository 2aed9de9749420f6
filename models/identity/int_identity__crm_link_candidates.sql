with

linkage_pairs as (
    select * from {{ linkage_pairs() }}
),

pairs_ranked as (
    select
        entity,
        record_key,
        entity_id,
        probability,
        row_number() over (partition by record_key order by probability desc, entity_id asc) as place,
        lead(probability, 1, 0.0) over (partition by record_key order by probability desc, entity_id asc) as next_probability
    from linkage_pairs
),

final as (
    -- likely enough, and nobody else nearly so: a match; otherwise a person decides
    select
        split_part(record_key, '|', 1) as crm,
        split_part(record_key, '|', 2) as object,
        split_part(record_key, '|', 3) as record_id,
        entity_id,
        cast(probability as decimal(9, 6)) as probability,
        cast(next_probability as decimal(9, 6)) as next_probability,
        case
            when
                probability >= {{ var('linkage_match_probability') }}
                and next_probability < {{ var('linkage_review_probability') }}
                then 'match'
            else 'review'
        end as decision,
        -- never as sure as the same e-mail address or domain
        cast(least(0.9 * probability, 0.899) as decimal(4, 3)) as confidence
    from pairs_ranked
    where
        place = 1
        and probability >= {{ var('linkage_review_probability') }}
)

select * from final
