{#- What an item period amounts to under a policy, as three columns; `policy` and `item_periods` are in
    scope. int_revenue__policy_spans asks for the policy itself and for the default, so that accounts
    for which both are the same need not be counted twice. -#}
{% macro mrr_under_policy(policy, prefix) %}
        case {{ policy }}.discounts
            when 'none' then item_periods.list_mrr_cents
            when 'forever' then item_periods.forever_mrr_cents
            when 'once' then item_periods.once_mrr_cents
            else item_periods.discounted_mrr_cents
        end as {{ prefix }}mrr_cents,
        case
            when
                {{ policy }}.churn_recognised_at = 'cancellation_request'
                and item_periods.is_churn_scheduled
                and not item_periods.is_term_agreed
                then false
            when item_periods.status = 'canceled'
                then
                    {{ policy }}.churn_recognised_at = 'period_end'
                    and item_periods.is_cancelled_while_paying
            when item_periods.status = 'past_due' and {{ policy }}.past_due is not null
                then not item_periods.is_collection_paused
            else item_periods.counts_as_mrr
        end as {{ prefix }}counts_as_mrr,
        case
            when item_periods.status = 'canceled' then item_periods.paid_until_at
            when item_periods.status = 'past_due' and {{ policy }}.past_due = 'dropped'
                then {{ add_hours('item_periods.past_due_since', policy ~ '.past_due_days * 24') }}
        end as {{ prefix }}counts_until_at
{%- endmacro %}
