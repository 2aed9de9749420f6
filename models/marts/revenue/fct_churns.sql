with

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

account_windows as (
    select * from {{ ref('int_revenue__account_windows') }}
    where window_months = 1
),

subscription_endings as (
    select * from {{ ref('fct_subscription_endings') }}
),

churns as (
    select
        account_id,
        movement_date as churned_date,
        {{ month_start('movement_date') }} as month,
        max(case when cause = 'involuntary' then 1 else 0 end) = 1 as is_involuntary,
        -sum(amount) as churn_mrr
    from mrr_movements
    where movement_type = 'churn'
    group by 1, 2, 3
),

endings_of_churns as (
    -- of several subscriptions that ended that day, the one that says most
    select
        churns.account_id,
        churns.churned_date,
        subscription_endings.subscription_id,
        subscription_endings.cancellation_reason,
        subscription_endings.cancellation_feedback,
        subscription_endings.failure_reason
    from churns
    inner join subscription_endings
        on
            churns.account_id = subscription_endings.account_id
            and churns.churned_date = cast(subscription_endings.ended_at as date)
    qualify row_number() over (
        partition by churns.account_id, churns.churned_date
        order by
            case when subscription_endings.cancellation_feedback is not null then 0 else 1 end,
            case when subscription_endings.cancellation_reason is not null then 0 else 1 end,
            subscription_endings.ended_at desc,
            subscription_endings.subscription_id asc
    ) = 1
),

final as (
    select
        -- keys
        churns.account_id,
        churns.churned_date,
        churns.month,
        endings_of_churns.subscription_id,
        -- attributes
        case when churns.is_involuntary then 'involuntary' else 'voluntary' end as churn_type,
        case
            when churns.is_involuntary
                then coalesce(endings_of_churns.failure_reason, endings_of_churns.cancellation_reason, 'payment_failed')
            when endings_of_churns.subscription_id is null then 'contract_ended'
            else
                coalesce(
                    endings_of_churns.cancellation_feedback,
                    case
                        when endings_of_churns.cancellation_reason <> 'cancellation_requested'
                            then endings_of_churns.cancellation_reason
                    end,
                    'not_told'
                )
        end as reason,
        account_windows.cohort,
        account_windows.segment,
        account_windows.plan,
        account_windows.motion,
        account_windows.sourcing,
        account_windows.starting_mrr > 0 as is_customer_at_start,
        -- measures
        cast(churns.churn_mrr as decimal(18, 2)) as churn_mrr
    from churns
    inner join account_windows
        on
            churns.account_id = account_windows.account_id
            and churns.month = account_windows.month
    left join endings_of_churns
        on
            churns.account_id = endings_of_churns.account_id
            and churns.churned_date = endings_of_churns.churned_date
)

select * from final
