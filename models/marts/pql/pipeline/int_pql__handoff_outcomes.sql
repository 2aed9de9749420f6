with

handoffs as (
    select * from {{ ref('fct_handoffs') }}
),

opportunity_sources as (
    select * from {{ ref('fct_opportunity_sources') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

opportunities_after as (
    -- one opportunity may follow hand-offs of two models; to each it counts
    select
        handoffs.handoff_id,
        count(*) as opportunities,
        sum(coalesce(opportunity_sources.amount, 0)) as pipeline,
        max(case when opportunity_sources.is_won then 1 else 0 end) = 1 as is_any_won
    from handoffs
    inner join opportunity_sources
        on
            handoffs.account_id = opportunity_sources.account_id
            and cast(handoffs.qualified_at as date) <= cast(opportunity_sources.created_at as date)
            and {{ add_days('handoffs.qualified_at', var('pql_feedback_days')) }} >= cast(opportunity_sources.created_at as date)
    group by handoffs.handoff_id
),

final as (
    select
        -- keys
        handoffs.handoff_id,
        handoffs.model_key,
        handoffs.account_id,
        -- attributes
        handoffs.tier,
        handoffs.status,
        case when handoffs.status = 'rejected' then coalesce(handoffs.reason, 'not_told') end as rejection_reason,
        -- a rep took it up; who takes it up and then rejects it has rejected it
        handoffs.status in ('engaged', 'won', 'lost')
        or (handoffs.status = 'expired' and handoffs.engaged_at is not null) as is_accepted,
        handoffs.status = 'rejected' as is_rejected,
        -- what was won was an opportunity, whether or not the CRM kept one
        opportunities_after.handoff_id is not null or handoffs.status = 'won' as has_opportunity,
        coalesce(opportunities_after.is_any_won, false) or handoffs.status = 'won' as is_won,
        {{ add_days('handoffs.qualified_at', var('pql_feedback_days')) }} < clock.as_of_date as is_mature,
        -- measures
        cast(coalesce(opportunities_after.pipeline, 0) as decimal(18, 2)) as pipeline,
        -- times
        cast(handoffs.qualified_at as date) as qualified_date,
        {{ month_start('handoffs.qualified_at') }} as qualified_month
    from handoffs
    cross join clock
    left join opportunities_after on handoffs.handoff_id = opportunities_after.handoff_id
)

select * from final
