{%- set dimensions = revenue_dimensions() -%}
{%- set summed_measures = [
    'starting_mrr', 'churn_mrr', 'grr_numerator',
    'total_new_mrr', 'total_expansion_mrr', 'total_reactivation_mrr', 'total_contraction_mrr',
    'total_churn_mrr', 'total_involuntary_churn_mrr', 'ending_mrr',
] -%}
{%- set counts = [
    'count_accounts_start', 'count_accounts_churned', 'count_accounts_churned_involuntarily',
    'count_churn_movements', 'count_accounts_end', 'count_people_end',
] -%}

with

account_windows as (
    select * from {{ ref('int_revenue__account_windows') }}
),

people_joined as (
    select * from {{ ref('int_core__account_people_joined') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

accounts_paying as (
    select
        account_id,
        month,
        min(month) over (partition by account_id) as first_month,
        ending_mrr
    from account_windows
    where window_months = 1
),

first_months as (
    select
        account_id,
        min(first_month) as first_month
    from accounts_paying
    group by account_id
),

people_by_month as (
    -- who joined before the account paid is there from its first month on
    select
        people_joined.account_id,
        case
            when people_joined.joined_at < first_months.first_month then first_months.first_month
            else {{ month_start('people_joined.joined_at') }}
        end as month,
        count(*) as count_people
    from people_joined
    inner join first_months
        on people_joined.account_id = first_months.account_id
    group by 1, 2
),

people_at_end as (
    select
        accounts_paying.account_id,
        accounts_paying.month,
        coalesce(
            sum(people_by_month.count_people) over (
                partition by accounts_paying.account_id
                order by accounts_paying.month
                rows between unbounded preceding and current row
            ), 0
        ) as count_people
    from accounts_paying
    left join people_by_month
        on
            accounts_paying.account_id = people_by_month.account_id
            and accounts_paying.month = people_by_month.month
),

-- What was there and what became of it is counted where the account was at the start (who had
-- nothing then: where it is at the end), what it pays now where it is at the end.
contributions as (
    select
        month,
        window_months,
        cohort,
        segment,
        plan,
        motion,
        sourcing,
        starting_mrr,
        churn_mrr,
        case
            when expansion_mrr > contraction_mrr + churn_mrr then starting_mrr
            else starting_mrr + expansion_mrr - contraction_mrr - churn_mrr
        end as grr_numerator,
        total_new_mrr,
        total_expansion_mrr,
        total_reactivation_mrr,
        total_contraction_mrr,
        total_churn_mrr,
        total_involuntary_churn_mrr,
        cast(0 as decimal(18, 2)) as ending_mrr,
        case when starting_mrr > 0 then 1 else 0 end as count_accounts_start,
        case when is_churned then 1 else 0 end as count_accounts_churned,
        case when is_churned and total_involuntary_churn_mrr > 0 then 1 else 0 end as count_accounts_churned_involuntarily,
        count_churn_movements,
        0 as count_accounts_end,
        0 as count_people_end
    from account_windows

    union all

    select
        account_windows.month,
        account_windows.window_months,
        account_windows.cohort,
        account_windows.segment,
        account_windows.plan_at_end as plan,
        account_windows.motion_at_end as motion,
        account_windows.sourcing,
        {%- for measure in summed_measures[:-1] %}
        cast(0 as decimal(18, 2)) as {{ measure }},
        {%- endfor %}
        account_windows.ending_mrr,
        {%- for count in counts[:4] %}
        0 as {{ count }},
        {%- endfor %}
        1 as count_accounts_end,
        people_at_end.count_people as count_people_end
    from account_windows
    inner join people_at_end
        on
            account_windows.account_id = people_at_end.account_id
            and account_windows.month = people_at_end.month
    where account_windows.ending_mrr > 0
),

attributes_summed as (
    select
        month,
        window_months,
        cohort,
        segment,
        plan,
        motion,
        sourcing,
        {%- for measure in summed_measures + counts %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from contributions
    group by 1, 2, 3, 4, 5, 6, 7
),

cuts as (
    {% for dimension, value in dimensions.items() %}
    select
        month,
        window_months,
        '{{ dimension }}' as dimension,
        {{ value }} as dimension_value,
        {%- for measure in summed_measures + counts %}
        {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from attributes_summed
    {{ "union all" if not loop.last }}
    {% endfor %}
),

summed as (
    select
        month,
        window_months,
        dimension,
        dimension_value,
        {%- for measure in summed_measures %}
        cast(sum({{ measure }}) as decimal(18, 2)) as {{ measure }},
        {%- endfor %}
        {%- for count in counts %}
        cast(sum({{ count }}) as bigint) as {{ count }}{{ ',' if not loop.last }}
        {%- endfor %}
    from cuts
    group by 1, 2, 3, 4
    -- nothing there, nothing happened
    having
        sum(count_accounts_start) + sum(count_accounts_end) > 0
        or sum(total_new_mrr) + sum(total_reactivation_mrr) + sum(total_churn_mrr) > 0
        or dimension = 'all'
),

rates as (
    select
        *,
        case
            when count_accounts_start > 0 then count_accounts_churned * 1.0 / count_accounts_start
        end as logo_churn_rate,
        case
            when count_accounts_end > 0 then cast(ending_mrr as double) / count_accounts_end
        end as arpa
    from summed
),

rates_by_month as (
    select
        *,
        case
            when window_months = 1 then logo_churn_rate
            else 1 - power(1 - logo_churn_rate, 1.0 / window_months)
        end as monthly_logo_churn_rate
    from rates
),

final as (
    select
        -- keys
        rates_by_month.month,
        rates_by_month.window_months,
        rates_by_month.dimension,
        rates_by_month.dimension_value,
        -- measures: customers
        rates_by_month.count_accounts_start,
        rates_by_month.count_accounts_churned,
        rates_by_month.count_accounts_churned_involuntarily,
        rates_by_month.count_churn_movements,
        rates_by_month.count_accounts_end,
        rates_by_month.count_people_end,
        cast(rates_by_month.logo_churn_rate as double) as logo_churn_rate,
        cast(rates_by_month.monthly_logo_churn_rate as double) as monthly_logo_churn_rate,
        -- measures: revenue of those that were there
        rates_by_month.starting_mrr,
        rates_by_month.churn_mrr,
        cast(rates_by_month.starting_mrr - rates_by_month.grr_numerator as decimal(18, 2)) as lost_mrr,
        cast(
            case
                when rates_by_month.starting_mrr > 0
                    then cast(rates_by_month.churn_mrr as double) / cast(rates_by_month.starting_mrr as double)
            end as double
        ) as revenue_churn_rate,
        cast(
            case
                when rates_by_month.starting_mrr > 0
                    then
                        cast(rates_by_month.starting_mrr - rates_by_month.grr_numerator as double)
                        / cast(rates_by_month.starting_mrr as double)
            end as double
        ) as gross_revenue_churn_rate,
        -- measures: movements of all
        rates_by_month.total_new_mrr,
        rates_by_month.total_expansion_mrr,
        rates_by_month.total_reactivation_mrr,
        rates_by_month.total_contraction_mrr,
        rates_by_month.total_churn_mrr,
        rates_by_month.total_involuntary_churn_mrr,
        cast(
            case
                when rates_by_month.total_contraction_mrr + rates_by_month.total_churn_mrr > 0
                    then
                        cast(
                            rates_by_month.total_new_mrr
                            + rates_by_month.total_expansion_mrr
                            + rates_by_month.total_reactivation_mrr as double
                        )
                        / cast(rates_by_month.total_contraction_mrr + rates_by_month.total_churn_mrr as double)
            end as double
        ) as quick_ratio,
        -- measures: what a customer is worth
        rates_by_month.ending_mrr,
        cast(rates_by_month.arpa as double) as arpa,
        cast(
            case
                when rates_by_month.count_people_end > 0
                    then cast(rates_by_month.ending_mrr as double) / rates_by_month.count_people_end
            end as double
        ) as arpu,
        cast({{ var('gross_margin_rate') }} as double) as gross_margin_rate,
        cast(
            case
                when rates_by_month.monthly_logo_churn_rate > 0
                    then rates_by_month.arpa * {{ var('gross_margin_rate') }} / rates_by_month.monthly_logo_churn_rate
            end as double
        ) as ltv,
        -- attributes
        {{ add_months_to('rates_by_month.month', 1) }} <= as_of.as_of_at as is_complete
    from rates_by_month
    cross join as_of
)

select * from final
