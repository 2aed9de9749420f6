with

backtest as (
    select * from {{ ref('rpt_backtest') }}
    where cut_type = 'threshold' and tier is not null
),

entries as (
    select * from {{ ref('int_pql__threshold_entries') }}
    where is_pql_bound and is_first
),

account_milestones as (
    select * from {{ ref('fct_account_milestones') }}
    where milestone = 'activation'
),

models_observed as (
    select distinct model_key from backtest
),

activated as (
    select
        models_observed.model_key,
        count(*) as activated_accounts,
        count(entries.account_id) as activated_pqls
    from models_observed
    cross join account_milestones
    left join entries
        on
            models_observed.model_key = entries.model_key
            and account_milestones.account_id = entries.account_id
    group by models_observed.model_key
),

cuts as (
    -- the bound of a tier, and of the lowest one that is a PQL
    select
        *,
        tier as target_cut
    from backtest
    union all
    select
        *,
        'pql' as target_cut
    from backtest
    where is_pql_bound
),

final as (
    select
        model_key,
        target_cut,
        threshold_points,
        'precision' as measure,
        n,
        precision as value,
        precision_low as low,
        precision_high as high
    from cuts
    union all
    select
        model_key,
        target_cut,
        threshold_points,
        'recall' as measure,
        count_conversions as n,
        recall as value,
        recall_low as low,
        recall_high as high
    from cuts
    union all
    select
        model_key,
        target_cut,
        threshold_points,
        'paid_rate' as measure,
        entries as n,
        paid_rate as value,
        paid_rate_low as low,
        paid_rate_high as high
    from cuts
    union all
    select
        model_key,
        target_cut,
        threshold_points,
        'advance_rate' as measure,
        entries as n,
        advance_rate as value,
        advance_rate_low as low,
        advance_rate_high as high
    from cuts
    union all
    select
        cuts.model_key,
        cuts.target_cut,
        cuts.threshold_points,
        'share_of_activated' as measure,
        activated.activated_accounts as n,
        {{ share_of('activated.activated_pqls', 'activated.activated_accounts') }} as value,
        {{ wilson_bound('activated.activated_pqls', 'activated.activated_accounts', '-') }} as low,
        {{ wilson_bound('activated.activated_pqls', 'activated.activated_accounts', '+') }} as high
    from cuts
    inner join activated on cuts.model_key = activated.model_key
    where cuts.target_cut = 'pql'
)

select * from final
