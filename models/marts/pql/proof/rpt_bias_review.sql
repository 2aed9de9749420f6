with

bias as (
    select * from {{ pql_bias_results() }}
),

final as (
    select
        model_key,
        cut,
        dimension,
        dimension_value,
        measure,

        cast(threshold_points as decimal(9, 2)) as threshold_points,
        best_value,
        flag,

        n,
        n_accounts,
        value,
        low,
        high,
        ratio_to_best,
        ratio_low,
        ratio_high
    from bias
)

select * from final
