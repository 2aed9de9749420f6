with

drift as (
    select * from {{ pql_drift_results() }}
),

final as (
    select
        model_key,
        population,
        item,
        month,

        status,

        n,
        n_reference,
        psi,
        psi_by_chance,
        ks,
        ks_p_value,
        mean,
        mean_reference,
        missing_rate,
        missing_rate_reference,

        reference_from,
        reference_to
    from drift
)

select * from final
