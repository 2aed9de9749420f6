with

credits as (
    select * from {{ ref('fct_credits') }}
    where
        conversion_type = 'first_payment'
        and model = '{{ var("economics_attribution_model") }}'
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
    where movement_type = 'new'
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

first_revenue as (
    select
        account_id,
        {{ month_start('min(movement_date)') }} as cohort_month,
        sum(amount) as first_mrr
    from mrr_movements
    group by account_id
),

credits_by_channel as (
    select
        account_id,
        channel,
        sum(credit) as credit,
        sum(value) as value
    from credits
    group by 1, 2
),

final as (
    select
        first_revenue.account_id,
        coalesce(credits_by_channel.channel, 'unattributed') as channel,
        first_revenue.cohort_month,
        coalesce(accounts.motion, 'self_serve') as motion,
        cast(coalesce(credits_by_channel.credit, 1) as decimal(18, 10)) as credit,
        cast(coalesce(credits_by_channel.value, first_revenue.first_mrr) as decimal(18, 2)) as first_mrr
    from first_revenue
    left join credits_by_channel on first_revenue.account_id = credits_by_channel.account_id
    left join accounts on first_revenue.account_id = accounts.account_id
)

select * from final
