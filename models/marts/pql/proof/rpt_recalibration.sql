with

proposals as (
    select * from {{ ref('int_pql__proposals') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

signals as (
    select * from {{ ref('int_pql__proof_signals') }}
),

models as (
    select * from proposals
    where row_type = 'model'
),

final as (
    select
        proposals.model_key,
        proposals.row_key as signal_key,

        signals.category,
        proposals.verdict,
        models.decision,
        models.reason,

        proposals.n,
        proposals.conversions,
        cast(proposals.current_points as decimal(9, 2)) as current_points,
        cast(proposals.proposed_points as decimal(9, 2)) as proposed_points,
        cast(proposals.proposed_points - proposals.current_points as decimal(9, 2)) as change_in_points,
        proposals.count_present,
        proposals.rate_present,
        proposals.rate_absent,
        proposals.lift,
        proposals.lift_low,
        proposals.lift_high,
        proposals.lift_p_value,
        proposals.lift_p_value_adjusted,
        proposals.coefficient,
        proposals.coefficient_low,
        proposals.coefficient_high,
        proposals.p_value,
        proposals.p_value_adjusted,
        proposals.penalty_c,
        models.n_held_out,
        models.conversions_held_out,
        models.current_auc,
        models.proposed_auc,
        models.auc_change_low,
        models.auc_change_high,

        models.held_out_from,
        cast(date_trunc('quarter', clock.as_of_at) as date) as quarter
    from proposals
    cross join clock
    inner join models on proposals.model_key = models.model_key
    inner join signals
        on
            proposals.model_key = signals.model_key
            and proposals.row_key = signals.signal_key
    where proposals.row_type = 'signal'
)

select * from final
