with

entries as (
    select * from {{ ref('int_pql__threshold_entries') }}
    where is_first and not is_former_customer and tier is not null
),

followed as (
    -- until it paid, or as long as we have looked
    select
        model_key,
        tier,
        threshold_points,
        coalesce(days_to_paid, days_followed) as follow_days,
        days_to_paid is not null as has_paid
    from entries
),

days_counted as (
    select
        model_key,
        tier,
        threshold_points,
        follow_days,
        count(*) as count_leaving,
        sum(case when has_paid then 1 else 0 end) as count_paid
    from followed
    group by model_key, tier, threshold_points, follow_days
),

at_risk as (
    select
        model_key,
        tier,
        threshold_points,
        follow_days,
        count_paid,
        sum(count_leaving) over (
            partition by model_key, tier
            order by follow_days desc
            rows between unbounded preceding and current row
        ) as count_at_risk
    from days_counted
),

curve as (
    -- Kaplan-Meier: the product of what stays unpaid from day to day; nobody left is nothing
    select
        model_key,
        tier,
        follow_days,
        count_at_risk,
        case
            when max(case when count_paid = count_at_risk then 1 else 0 end) over so_far = 1 then 1.0
            else
                1 - exp(
                    sum(ln(1 - case when count_paid < count_at_risk then cast(count_paid as double) / count_at_risk else 0 end))
                        over so_far
                )
        end as share_paid,
        -- Greenwood's sum
        sum(
            case
                when count_paid < count_at_risk
                    then cast(count_paid as double) / (cast(count_at_risk as double) * (count_at_risk - count_paid))
                else 0
            end
        ) over so_far as greenwood
    from at_risk
    where count_paid > 0
    window so_far as (
        partition by model_key, tier
        order by follow_days
        rows between unbounded preceding and current row
    )
),

curve_figures as (
    select
        model_key,
        tier,
        min(case when share_paid >= 0.1 then follow_days end) as days_to_10_percent,
        min(case when share_paid >= 0.25 then follow_days end) as days_to_25_percent,
        min(case when share_paid >= 0.5 then follow_days end) as median_days,
        max(case when follow_days <= 30 then share_paid else 0 end) as share_paid_30_days,
        max(case when follow_days <= 30 then greenwood else 0 end) as greenwood_30_days,
        max(case when follow_days <= 60 then share_paid else 0 end) as share_paid_60_days,
        max(case when follow_days <= 90 then share_paid else 0 end) as share_paid_90_days,
        max(case when follow_days <= 90 then greenwood else 0 end) as greenwood_90_days,
        max(share_paid) as share_paid_at_the_end
    from curve
    group by model_key, tier
),

accounts_counted as (
    select
        model_key,
        tier,
        threshold_points,
        count(*) as entries,
        sum(case when has_paid then 1 else 0 end) as count_paid,
        sum(case when has_paid then 0 else 1 end) as count_censored,
        max(follow_days) as longest_follow_days,
        cast(median(case when has_paid then follow_days end) as double) as median_days_of_those_paid
    from followed
    group by model_key, tier, threshold_points
),

final as (
    select
        accounts_counted.model_key,
        accounts_counted.tier,

        accounts_counted.threshold_points,
        cast(accounts_counted.entries as bigint) as entries,
        cast(accounts_counted.count_paid as bigint) as count_paid,
        cast(accounts_counted.count_censored as bigint) as count_censored,
        cast(accounts_counted.longest_follow_days as bigint) as longest_follow_days,
        cast(curve_figures.days_to_10_percent as bigint) as days_to_10_percent,
        cast(curve_figures.days_to_25_percent as bigint) as days_to_25_percent,
        cast(curve_figures.median_days as bigint) as median_days,
        accounts_counted.median_days_of_those_paid,
        coalesce(curve_figures.share_paid_30_days, 0.0) as share_paid_30_days,
        {{ survival_bound('curve_figures.share_paid_30_days', 'curve_figures.greenwood_30_days', '-') }} as share_paid_30_days_low,
        {{ survival_bound('curve_figures.share_paid_30_days', 'curve_figures.greenwood_30_days', '+') }} as share_paid_30_days_high,
        coalesce(curve_figures.share_paid_60_days, 0.0) as share_paid_60_days,
        coalesce(curve_figures.share_paid_90_days, 0.0) as share_paid_90_days,
        {{ survival_bound('curve_figures.share_paid_90_days', 'curve_figures.greenwood_90_days', '-') }} as share_paid_90_days_low,
        {{ survival_bound('curve_figures.share_paid_90_days', 'curve_figures.greenwood_90_days', '+') }} as share_paid_90_days_high,
        coalesce(curve_figures.share_paid_at_the_end, 0.0) as share_paid_at_the_end
    from accounts_counted
    left join curve_figures
        on
            accounts_counted.model_key = curve_figures.model_key
            and accounts_counted.tier = curve_figures.tier
)

select * from final
