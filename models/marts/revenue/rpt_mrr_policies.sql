{%- set measures = [
    'starting_mrr', 'new_mrr', 'expansion_mrr', 'contraction_mrr', 'churn_mrr', 'reactivation_mrr',
    'fx_mrr', 'closing_mrr', 'retained_mrr', 'returned_mrr', 'kept_mrr', 'count_churned',
] -%}

with

policy_windows as (
    select
        *,
        case when is_churned then 1 else 0 end as count_churned,
        case when closing_mrr > 0 then 1 else 0 end as count_paying
    from {{ ref('int_revenue__policy_windows') }}
),

policies as (
    select * from {{ ref('mrr_policies') }}
),

accounts_concerned as (
    select distinct
        policy_key,
        account_id
    from {{ ref('int_revenue__policy_spans') }}
),

default_windows as (
    select policy_windows.*
    from policy_windows
    inner join policies
        on policy_windows.policy_key = policies.policy_key
    where policies.is_default
),

default_totals as (
    select
        month,
        window_months,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        sum(count_paying) as count_paying
    from default_windows
    group by 1, 2
),

-- a variant is the default, less its accounts that are counted otherwise, plus these as counted
gathered as (
    select
        policies.policy_key,
        default_totals.*
    from default_totals
    cross join policies

    union all

    select
        accounts_concerned.policy_key,
        default_windows.month,
        default_windows.window_months,
        {%- for measure in measures %}
        -default_windows.{{ measure }} as {{ measure }},
        {%- endfor %}
        -default_windows.count_paying as count_paying
    from default_windows
    inner join accounts_concerned
        on default_windows.account_id = accounts_concerned.account_id
    inner join policies
        on accounts_concerned.policy_key = policies.policy_key
    where not policies.is_default

    union all

    select
        policy_windows.policy_key,
        policy_windows.month,
        policy_windows.window_months,
        {%- for measure in measures %}
        policy_windows.{{ measure }},
        {%- endfor %}
        policy_windows.count_paying
    from policy_windows
    inner join policies
        on policy_windows.policy_key = policies.policy_key
    where not policies.is_default
),

summed as (
    select
        policy_key,
        month,
        window_months,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        sum(count_paying) as count_paying
    from gathered
    group by 1, 2, 3
),

ratios as (
    select
        summed.*,
        policies.policy_name,
        policies.is_default,
        cast(
            case
                when summed.starting_mrr > 0
                    then
                        cast(
                            summed.retained_mrr
                            + case
                                when coalesce(policies.is_reactivation_in_nrr, {{ var('nrr_includes_reactivation', false) }})
                                    then summed.returned_mrr
                                else 0
                            end as double
                        ) / cast(summed.starting_mrr as double)
            end as double
        ) as nrr,
        cast(
            case
                when summed.starting_mrr > 0 then cast(summed.kept_mrr as double) / cast(summed.starting_mrr as double)
            end as double
        ) as grr
    from summed
    inner join policies
        on summed.policy_key = policies.policy_key
),

final as (
    select
        -- keys
        months.policy_key,
        months.month,
        -- attributes
        months.policy_name,
        months.is_default,
        -- measures
        cast(months.starting_mrr as decimal(18, 2)) as opening_mrr,
        {%- for movement in ['new', 'expansion', 'contraction', 'churn', 'reactivation', 'fx'] %}
        cast(months.{{ movement }}_mrr as decimal(18, 2)) as {{ movement }}_mrr,
        {%- endfor %}
        cast(months.closing_mrr as decimal(18, 2)) as closing_mrr,
        cast(months.closing_mrr - coalesce(default_totals.closing_mrr, 0) as decimal(18, 2)) as difference_to_default,
        cast(months.count_paying as bigint) as count_accounts_paying,
        cast(months.count_churned as bigint) as count_accounts_churned,
        months.nrr as nrr_1m,
        months.grr as grr_1m,
        years.nrr as nrr_12m,
        years.grr as grr_12m
    from ratios as months
    inner join ratios as years
        on
            months.policy_key = years.policy_key
            and months.month = years.month
            and years.window_months = 12
    left join default_totals
        on
            months.month = default_totals.month
            and default_totals.window_months = 1
    where months.window_months = 1
)

select * from final
