with

scores as (
    select * from {{ ref('int_pql__proof_scores') }}
),

thresholds as (
    select * from {{ ref('int_pql__thresholds') }}
),

accounts as (
    select * from {{ ref('int_pql__proof_accounts') }}
),

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

tiers as (
    select * from {{ ref('pql_tiers') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

settings as (
    {{ pql_proof_settings(['conversion_window_days']) }}
),

rearm_days as (
    select
        model_key,
        max(rearm_days) as rearm_days
    from tiers
    group by model_key
),

scores_with_day_before as (
    select
        model_key,
        account_id,
        score_date,
        points,
        lag(points) over (partition by model_key, account_id order by score_date) as previous_points,
        lag(score_date) over (partition by model_key, account_id order by score_date) as previous_date
    from scores
),

rises as (
    -- after days without a score (the account was paying) it starts again from nothing
    select
        model_key,
        account_id,
        score_date,
        points,
        case
            when {{ days_between('previous_date', 'score_date') }} = 1 then previous_points
            else 0
        end as previous_points
    from scores_with_day_before
),

crossings as (
    select
        rises.model_key,
        rises.account_id,
        thresholds.threshold_points,
        thresholds.tier,
        thresholds.is_pql_bound,
        rises.score_date,
        lag(rises.score_date) over (
            partition by rises.model_key, rises.account_id, thresholds.threshold_points order by rises.score_date
        ) as previous_crossing_date
    from rises
    inner join thresholds
        on
            rises.model_key = thresholds.model_key
            and rises.points >= thresholds.threshold_points
            and rises.previous_points < thresholds.threshold_points
    where rises.points > rises.previous_points
),

entries as (
    -- a score that hovers at the bound crosses it again and again: told once
    select
        crossings.model_key,
        crossings.account_id,
        crossings.threshold_points,
        crossings.tier,
        crossings.is_pql_bound,
        crossings.score_date as entered_date,
        crossings.previous_crossing_date is null as is_first
    from crossings
    left join rearm_days on crossings.model_key = rearm_days.model_key
    where
        crossings.previous_crossing_date is null
        or {{ days_between('crossings.previous_crossing_date', 'crossings.score_date') }}
        >= coalesce(rearm_days.rearm_days, 1)
),

opportunities_after as (
    -- counted where it was opened after the day whose score it follows
    select distinct
        entries.model_key,
        entries.account_id,
        entries.threshold_points,
        entries.entered_date
    from entries
    inner join opportunities on entries.account_id = opportunities.account_id
    cross join settings
    where
        opportunities.created_at >= cast({{ add_days('entries.entered_date', 1) }} as timestamp)
        and opportunities.created_at
        < cast({{ add_days('entries.entered_date', 'settings.conversion_window_days + 1') }} as timestamp)
),

final as (
    select
        entries.model_key,
        entries.account_id,
        entries.threshold_points,
        entries.entered_date,

        entries.tier,
        entries.is_pql_bound,
        entries.is_first,
        accounts.first_paid_date is not null and accounts.first_paid_date <= entries.entered_date as is_former_customer,
        cast({{ add_days('entries.entered_date', 'settings.conversion_window_days + 1') }} as timestamp)
        <= clock.as_of_at as is_mature,
        coalesce(
            accounts.first_paid_date > entries.entered_date
            and accounts.first_paid_date <= {{ add_days('entries.entered_date', 'settings.conversion_window_days') }},
            false
        ) as is_paid,
        opportunities_after.account_id is not null as has_opportunity,

        case
            when accounts.first_paid_date > entries.entered_date
                then {{ days_between('entries.entered_date', 'accounts.first_paid_date') }}
        end as days_to_paid,
        {{ days_between('entries.entered_date', "clock.as_of_at - interval '1' microsecond") }} as days_followed
    from entries
    cross join settings
    cross join clock
    inner join accounts on entries.account_id = accounts.account_id
    left join opportunities_after
        on
            entries.model_key = opportunities_after.model_key
            and entries.account_id = opportunities_after.account_id
            and entries.threshold_points = opportunities_after.threshold_points
            and entries.entered_date = opportunities_after.entered_date
)

select * from final
