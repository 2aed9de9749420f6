with

day_changes as (
    select * from {{ ref('int_revenue__account_day_changes') }}
),

change_causes as (
    select * from {{ ref('int_revenue__change_causes') }}
),

item_changes as (
    select * from {{ ref('int_revenue__item_changes') }}
),

subscription_periods as (
    select * from {{ ref('int_core__subscription_periods') }}
),

subscription_accounts as (
    select * from {{ ref('int_core__subscription_accounts') }}
),

largest_sources as (
    select
        account_id,
        change_date,
        source_after
    from item_changes
    where source_after is not null
    qualify row_number() over (
        partition by account_id, change_date order by mrr_after desc, pair_key
    ) = 1
),

payment_losses as (
    select distinct
        subscription_accounts.account_id,
        cast(subscription_periods.valid_from as date) as change_date
    from subscription_periods
    inner join subscription_accounts
        on subscription_periods.subscription_id = subscription_accounts.subscription_id
    where
        subscription_periods.is_payment_loss
        and not subscription_periods.counts_as_mrr
),

exchange_rate_effects as (
    select
        account_id,
        change_date,
        'fx' as movement_type,
        'rate' as cause,
        fx_amount as amount
    from day_changes
    where fx_amount <> 0
),

starts_continued as (
    select
        account_id,
        change_date,
        continued_type as movement_type,
        case continued_type when 'reactivation' then 'return' else 'first_payment' end as cause,
        continued_amount as amount
    from day_changes
    where continued_amount <> 0
),

starts_and_ends as (
    select
        day_changes.account_id,
        day_changes.change_date,
        day_changes.movement_type,
        case
            when day_changes.movement_type = 'reactivation' then 'return'
            when day_changes.movement_type = 'churn'
                then case when payment_losses.account_id is null then 'voluntary' else 'involuntary' end
            when largest_sources.source_after = 'contract' then 'contract'
            else 'first_payment'
        end as cause,
        day_changes.change_amount as amount
    from day_changes
    left join largest_sources
        on
            day_changes.account_id = largest_sources.account_id
            and day_changes.change_date = largest_sources.change_date
    left join payment_losses
        on
            day_changes.account_id = payment_losses.account_id
            and day_changes.change_date = payment_losses.change_date
    where day_changes.movement_type in ('new', 'reactivation', 'churn')
),

gathered as (
    select * from exchange_rate_effects
    union all
    select * from starts_and_ends
    union all
    select * from starts_continued
    union all
    select * from change_causes
),

final as (
    select
        account_id,
        change_date as movement_date,
        movement_type,
        cause,
        amount
    from gathered
)

select * from final
