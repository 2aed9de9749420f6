with

results as (
    select * from {{ experiment_results() }}
),

final as (
    select
        experiment_key,
        variant,
        metric,
        role,
        kind,
        direction,
        is_control,
        n,
        count_immature,
        numerator,
        denominator,
        mean,
        absolute_lift,
        absolute_ci_low,
        absolute_ci_high,
        lift,
        ci_low,
        ci_high,
        p_value,
        adjusted_p,
        always_valid_p,
        adjusted_always_valid_p,
        cuped_mean,
        cuped_lift,
        cuped_ci_low,
        cuped_ci_high,
        cuped_p_value,
        cuped_variance_reduction,
        prob_to_beat_control,
        power,
        sample_size,
        sample_needed,
        srm_p_value,
        verdict,
        decision,
        reason
    from results
)

select * from final
