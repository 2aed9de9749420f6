with

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

opportunity_amounts as (
    select * from {{ ref('fct_opportunity_amounts') }}
),

account_sourcing as (
    select * from {{ ref('fct_account_sourcing') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

deals_evaluated as (
    select
        opportunities.crm,
        opportunities.opportunity_id,
        opportunities.account_id,
        opportunities.deal_type,
        opportunities.is_closed,
        opportunities.is_won,
        opportunities.amount,
        opportunities.created_at,
        opportunities.closed_at,
        coalesce(account_sourcing.is_plg_sourced, false) as is_plg_sourced,
        coalesce(account_sourcing.first_used_at < opportunities.created_at, false) as is_used_before_opening,
        -- of an open deal: used by now
        coalesce(account_sourcing.first_used_at < coalesce(opportunities.closed_at, as_of.as_of_at), false) as is_plg_evaluated,
        -- somebody of the account bought without Sales while the deal was under way
        case
            when
                account_sourcing.closing_motion = 'self_serve'
                and account_sourcing.closed_at >= opportunities.created_at
                and coalesce(account_sourcing.closed_at < opportunities.closed_at, true)
                then account_sourcing.closed_at
        end as self_serve_bought_at,
        as_of.as_of_at
    from opportunities
    cross join as_of
    left join account_sourcing
        on opportunities.account_id = account_sourcing.account_id
),

deadlines as (
    select
        *,
        {{ add_hours('self_serve_bought_at', 24 * var('cannibalisation_days')) }} as looked_at
    from deals_evaluated
),

pipeline_valued as (
    -- what the deal was worth when the account bought, and when the time was over
    select
        deadlines.crm,
        deadlines.opportunity_id,
        sum(
            case
                when
                    opportunity_amounts.valid_from <= deadlines.self_serve_bought_at
                    and coalesce(deadlines.self_serve_bought_at < opportunity_amounts.valid_to, true)
                    then opportunity_amounts.amount
            end
        ) as amount_before,
        sum(
            case
                when
                    opportunity_amounts.valid_from <= deadlines.looked_at
                    and coalesce(deadlines.looked_at < opportunity_amounts.valid_to, true)
                    then opportunity_amounts.amount
            end
        ) as amount_after
    from deadlines
    inner join opportunity_amounts
        on
            deadlines.crm = opportunity_amounts.crm
            and deadlines.opportunity_id = opportunity_amounts.opportunity_id
    where deadlines.self_serve_bought_at is not null
    group by 1, 2
),

losses as (
    select
        deadlines.*,
        coalesce(pipeline_valued.amount_before, deadlines.amount, 0) as pipeline_amount,
        case
            when deadlines.self_serve_bought_at is null then 0
            when deadlines.is_closed and not deadlines.is_won and deadlines.closed_at <= deadlines.looked_at
                then coalesce(pipeline_valued.amount_before, deadlines.amount, 0)
            when pipeline_valued.amount_before > pipeline_valued.amount_after
                then pipeline_valued.amount_before - pipeline_valued.amount_after
            else 0
        end as pipeline_lost_amount
    from deadlines
    left join pipeline_valued
        on
            deadlines.crm = pipeline_valued.crm
            and deadlines.opportunity_id = pipeline_valued.opportunity_id
),

final as (
    select
        -- keys
        crm,
        opportunity_id,
        account_id,
        -- attributes
        deal_type,
        is_closed,
        is_won,
        is_plg_sourced,
        is_used_before_opening,
        is_plg_evaluated,
        case
            when self_serve_bought_at is null then 'not_exposed'
            when is_closed and not is_won and closed_at <= looked_at then 'lost'
            when pipeline_lost_amount > 0 then 'shrunk'
            when looked_at > as_of_at then 'open'
            else 'kept'
        end as cannibalisation,
        -- measures
        amount,
        cast(
            case when is_won then {{ seconds_between('created_at', 'closed_at') }} / 86400.0 end as double
        ) as days_to_win,
        cast(case when self_serve_bought_at is null then 0 else pipeline_amount end as decimal(18, 2)) as pipeline_exposed_amount,
        cast(pipeline_lost_amount as decimal(18, 2)) as pipeline_lost_amount,
        -- times
        created_at,
        closed_at,
        self_serve_bought_at
    from losses
)

select * from final
