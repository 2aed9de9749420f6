with

committed_changes as (
    select * from {{ ref('fct_committed_mrr_changes') }}
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

as_of as (
    select
        *,
        {{ month_start("as_of_at - interval '1' microsecond") }} as this_month
    from {{ ref('dim_as_of') }}
),

accounts_now as (
    select
        mrr_months.account_id,
        mrr_months.closing_mrr
    from mrr_months
    inner join as_of
        on mrr_months.month = as_of.this_month
    where mrr_months.closing_mrr <> 0
),

accounts as (
    select account_id from accounts_now
    union
    select account_id from committed_changes
),

account_months as (
    select
        accounts.account_id,
        {{ month_spine('as_of.this_month', add_months_to('as_of.this_month', var('committed_mrr_months', 12))) }} as month
    from accounts
    cross join as_of
),

changes_by_month as (
    select
        account_id,
        month,
        {%- for change in ['cancellation', 'contract_end', 'contract_start'] %}
        sum(case when change_type = '{{ change }}' then change_mrr else 0 end) as {{ change }}_mrr,
        {%- endfor %}
        sum(change_mrr) as change_mrr
    from committed_changes
    group by 1, 2
),

balances as (
    select
        account_months.account_id,
        account_months.month,
        {%- for change in ['cancellation', 'contract_end', 'contract_start', 'change'] %}
        coalesce(changes_by_month.{{ change }}_mrr, 0) as {{ change }}_mrr,
        {%- endfor %}
        coalesce(accounts_now.closing_mrr, 0) + sum(coalesce(changes_by_month.change_mrr, 0)) over (
            partition by account_months.account_id
            order by account_months.month
            rows between unbounded preceding and current row
        ) as committed_mrr
    from account_months
    left join accounts_now
        on account_months.account_id = accounts_now.account_id
    left join changes_by_month
        on
            account_months.account_id = changes_by_month.account_id
            and account_months.month = changes_by_month.month
),

final as (
    select
        -- keys
        account_id,
        month,
        -- measures
        cast(committed_mrr - change_mrr as decimal(18, 2)) as opening_committed_mrr,
        {%- for change in ['cancellation', 'contract_end', 'contract_start'] %}
        cast({{ change }}_mrr as decimal(18, 2)) as {{ change }}_mrr,
        {%- endfor %}
        cast(committed_mrr as decimal(18, 2)) as committed_mrr
    from balances
)

select * from final
