with

queue as (
    select * from {{ ref('fct_expansion_queue') }}
),

kinds as (
    select * from {{ ref('expansion_kinds') }}
),

paying_spans as (
    select * from {{ ref('int_pql__paying_spans') }}
),

movements as (
    select * from {{ ref('fct_mrr_movements') }}
    where movement_type = 'expansion'
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

kind_causes as (
    select
        kind,
        {{ split_to_rows('causes') }} as cause
    from kinds
),

paying_days as (
    select
        min(paying_spans.from_date) as first_date,
        max(cast(clock.as_of_at - interval '1' microsecond as date)) as last_date
    from paying_spans
    cross join clock
),

days_of_history as (
    select
        last_date,
        {{ date_spine('first_date', 'last_date') }} as day
    from paying_days
    where first_date is not null
),

looks as (
    -- back from today in steps of the outcome's time: no outcome is counted for two looks
    select day as looked_date
    from days_of_history
    where
        mod({{ days_between('day', 'last_date') }}, {{ var('expansion_outcome_days') }}) = 0
        and {{ days_between('day', 'last_date') }} >= {{ var('expansion_outcome_days') }}
),

payers as (
    select
        looks.looked_date,
        kinds.kind,
        paying_spans.account_id
    from looks
    cross join kinds
    inner join paying_spans
        on
            looks.looked_date >= paying_spans.from_date
            and looks.looked_date < paying_spans.to_date
),

payers_queued as (
    -- in the queue that day, shown to somebody or held back
    select distinct
        payers.looked_date,
        payers.kind,
        payers.account_id
    from payers
    inner join queue
        on
            payers.account_id = queue.account_id
            and payers.kind = queue.kind
            and payers.looked_date >= queue.qualified_date
            and coalesce(payers.looked_date < queue.closed_date, true)
),

payers_expanded as (
    select distinct
        payers.looked_date,
        payers.kind,
        payers.account_id
    from payers
    inner join kind_causes on payers.kind = kind_causes.kind
    inner join movements
        on
            payers.account_id = movements.account_id
            and kind_causes.cause = movements.cause
            and payers.looked_date < movements.movement_date
            and {{ add_days('payers.looked_date', var('expansion_outcome_days')) }} >= movements.movement_date
),

outcomes as (
    select
        payers.kind,
        case when payers_queued.account_id is not null then 'queued' else 'not_queued' end as queue_state,
        payers.account_id,
        case when payers_expanded.account_id is not null then 1 else 0 end as is_expanded
    from payers
    left join payers_queued
        on
            payers.looked_date = payers_queued.looked_date
            and payers.kind = payers_queued.kind
            and payers.account_id = payers_queued.account_id
    left join payers_expanded
        on
            payers.looked_date = payers_expanded.looked_date
            and payers.kind = payers_expanded.kind
            and payers.account_id = payers_expanded.account_id
),

counted as (
    select
        kind,
        queue_state,
        count(*) as n,
        count(distinct account_id) as count_accounts,
        cast(sum(is_expanded) as bigint) as count_expanded
    from outcomes
    group by kind, queue_state
),

rates as (
    select
        *,
        cast(count_expanded as double) / n as expansion_rate,
        sum(case when queue_state = 'not_queued' then cast(count_expanded as double) / n end) over (partition by kind) as rate_not_queued
    from counted
),

final as (
    select
        -- keys
        kind,
        queue_state,
        -- attributes
        {{ var('expansion_outcome_days') }} as outcome_days,
        -- measures
        n,
        count_accounts,
        count_expanded,
        expansion_rate,
        {{ wilson_low('count_expanded', 'n') }} as expansion_rate_low,
        {{ wilson_high('count_expanded', 'n') }} as expansion_rate_high,
        case
            when queue_state = 'queued' and rate_not_queued > 0 then expansion_rate / rate_not_queued
        end as lift
    from rates
)

select * from final
