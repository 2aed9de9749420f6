with

proposals as (
    select * from {{ ref('int_pql__proposals') }}
    where row_type = 'tier'
),

final as (
    select
        model_key,
        row_key as tier,

        n_held_out,
        conversions_held_out,
        cast(current_points as decimal(9, 2)) as current_min_points,
        cast(proposed_points as decimal(9, 2)) as proposed_min_points,
        current_share,
        proposed_share,
        proposed_share - current_share as change_in_share,
        current_precision,
        proposed_precision,
        proposed_precision - current_precision as change_in_precision,
        precision_change_low,
        precision_change_high,
        current_recall,
        proposed_recall,

        held_out_from
    from proposals
)

select * from final
