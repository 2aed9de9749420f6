-- The bridge closes in every cut: the movements and balances of the segments, and of the motions,
-- add up to those of the months. An account in no cut, or in two, would show here.
{% set amounts = ['opening', 'new', 'expansion', 'contraction', 'churn', 'reactivation', 'fx', 'closing'] -%}

with

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

totals as (
    select
        month,
    {% for amount in amounts %}
    sum({{ amount }}_mrr) as {{ amount }}_mrr{{ "," if not loop.last }}
    {% endfor %}
    from mrr_months
    group by month
),

cuts as (
    {% for cut in ['segment', 'motion'] %}
    select
        '{{ cut }}' as dimension,
        dim_accounts.{{ cut }} as dimension_value,
        mrr_months.month,
    {% for amount in amounts %}
    sum(mrr_months.{{ amount }}_mrr) as {{ amount }}_mrr{{ "," if not loop.last }}
    {% endfor %}
    from mrr_months
    inner join dim_accounts
        on mrr_months.account_id = dim_accounts.account_id
    group by 1, 2, 3
    {{ "union all" if not loop.last }}
    {% endfor %}
),

cuts_that_do_not_close as (
    select
        dimension,
        dimension_value,
        month
    from cuts
    where opening_mrr + new_mrr + expansion_mrr + contraction_mrr + churn_mrr + reactivation_mrr + fx_mrr <> closing_mrr
),

cuts_summed as (
    select
        dimension,
        month,
    {% for amount in amounts %}
    sum({{ amount }}_mrr) as {{ amount }}_mrr{{ "," if not loop.last }}
    {% endfor %}
    from cuts
    group by 1, 2
),

dimensions as (
    select distinct dimension from cuts
),

cuts_apart as (
    select
        dimensions.dimension,
        'all' as dimension_value,
        totals.month
    from totals
    cross join dimensions
    left join cuts_summed
        on
            totals.month = cuts_summed.month
            and dimensions.dimension = cuts_summed.dimension
    where
    {% for amount in amounts %}
        totals.{{ amount }}_mrr is distinct from cuts_summed.{{ amount }}_mrr
        {{ "or" if not loop.last }}
    {% endfor %}
)

select * from cuts_that_do_not_close
union all
select * from cuts_apart
