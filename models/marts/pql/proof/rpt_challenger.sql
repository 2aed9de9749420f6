with

proposals as (
    select * from {{ ref('int_pql__proposals') }}
    where row_type in ('challenger', 'challenger_signal')
),

final as (
    select
        model_key,
        row_type,
        row_key,

        decision,
        reason,

        n,
        conversions,
        n_held_out,
        conversions_held_out,
        current_auc as champion_auc,
        proposed_auc as challenger_auc,
        auc_change_low,
        auc_change_high,
        importance,
        importance_low,
        importance_high,
        rate_when_absent,
        rate_when_full
    from proposals
)

select * from final
