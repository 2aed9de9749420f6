-- The default policy is what all other tables say: its months are those of fct_mrr_months to the
-- cent, its retention that of rpt_nrr; and every policy's months close.
with

mrr_policies as (
    select * from {{ ref('rpt_mrr_policies') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

nrr as (
    select * from {{ ref('rpt_nrr') }}
    where dimension = 'all'
),

months_summed as (
    select
        month,
    {%- for measure in ['opening', 'new', 'expansion', 'contraction', 'churn', 'reactivation', 'fx', 'closing'] %}
    sum({{ measure }}_mrr) as {{ measure }}_mrr{{ "," if not loop.last }}
    {%- endfor %}
    from mrr_months
    group by month
),

months_apart as (
    select
        'month' as finding,
        mrr_policies.policy_key,
        coalesce(mrr_policies.month, months_summed.month) as month
    from months_summed
    full outer join mrr_policies
        on
            months_summed.month = mrr_policies.month
            and mrr_policies.is_default
    where
        (mrr_policies.policy_key is null or months_summed.month is not null or mrr_policies.is_default)
        and (
            {%- for measure in ['opening', 'new', 'expansion', 'contraction', 'churn', 'reactivation', 'fx', 'closing'] %}
            {{ "or " if not loop.first }}months_summed.{{ measure }}_mrr is distinct from mrr_policies.{{ measure }}_mrr
            {%- endfor %}
        )
),

ratios_apart as (
    select
        'retention' as finding,
        mrr_policies.policy_key,
        mrr_policies.month
    from mrr_policies
    inner join nrr
        on mrr_policies.month = nrr.month
    where
        mrr_policies.is_default
        and (
            (nrr.window_months = 1 and (
                abs(coalesce(mrr_policies.nrr_1m, -1) - coalesce(nrr.nrr, -1)) > 0.000000001
                or abs(coalesce(mrr_policies.grr_1m, -1) - coalesce(nrr.grr, -1)) > 0.000000001
            ))
            or (nrr.window_months = 12 and (
                abs(coalesce(mrr_policies.nrr_12m, -1) - coalesce(nrr.nrr, -1)) > 0.000000001
                or abs(coalesce(mrr_policies.grr_12m, -1) - coalesce(nrr.grr, -1)) > 0.000000001
            ))
        )
),

bridges_open as (
    select
        'bridge' as finding,
        policy_key,
        month
    from mrr_policies
    where
        opening_mrr + new_mrr + expansion_mrr + contraction_mrr + churn_mrr + reactivation_mrr + fx_mrr <> closing_mrr
)

select * from months_apart
union all
select * from ratios_apart
union all
select * from bridges_open
