with

thresholds as (
    select * from {{ ref('int_pql__thresholds') }}
),

entries as (
    select * from {{ ref('int_pql__threshold_entries') }}
),

backtest as (
    select * from {{ ref('rpt_backtest') }}
    where cut_type = 'threshold'
),

teams as (
    select * from {{ ref('pql_capacity') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

settings as (
    {{ pql_proof_settings(['capacity_weeks']) }}
),

entries_lately as (
    -- whole days, the last of them over
    select
        entries.model_key,
        entries.threshold_points,
        count(*) as entries_lately
    from entries
    cross join settings
    cross join clock
    where
        entries.entered_date < cast(clock.as_of_at as date)
        and entries.entered_date >= {{ add_days('clock.as_of_at', '-7 * settings.capacity_weeks') }}
    group by entries.model_key, entries.threshold_points
),

flows as (
    select
        thresholds.model_key,
        thresholds.threshold_points,
        thresholds.tier,
        cast(coalesce(entries_lately.entries_lately, 0) as double) / settings.capacity_weeks as pqls_per_week,
        backtest.entries,
        backtest.paid_rate,
        backtest.paid_rate_low,
        backtest.paid_rate_high
    from thresholds
    cross join settings
    left join entries_lately
        on
            thresholds.model_key = entries_lately.model_key
            and thresholds.threshold_points = entries_lately.threshold_points
    left join backtest
        on
            thresholds.model_key = backtest.model_key
            and thresholds.threshold_points = backtest.threshold_points
),

flows_of_teams as (
    select
        flows.model_key,
        teams.team,
        flows.threshold_points,
        flows.tier,
        teams.from_tier = flows.tier as is_current,
        teams.reps,
        teams.reps * teams.handoffs_per_rep_per_week as capacity_per_week,
        flows.pqls_per_week,
        flows.pqls_per_week / teams.handoffs_per_rep_per_week as reps_needed,
        flows.entries,
        flows.paid_rate,
        flows.paid_rate_low,
        flows.paid_rate_high
    from flows
    cross join teams
    where teams.reps > 0 and teams.handoffs_per_rep_per_week > 0
),

flows_from_the_top as (
    -- at low bounds hardly anybody is new: what is asked is whether the bound and all above it fit
    select
        *,
        max(pqls_per_week) over (
            partition by model_key, team
            order by threshold_points desc
            rows between unbounded preceding and current row
        ) as most_from_the_top
    from flows_of_teams
),

lowest_that_fits as (
    select
        model_key,
        team,
        min(case when most_from_the_top <= capacity_per_week then threshold_points end) as threshold_points
    from flows_from_the_top
    group by model_key, team
),

final as (
    select
        flows_of_teams.model_key,
        flows_of_teams.team,
        flows_of_teams.threshold_points,

        flows_of_teams.tier,
        coalesce(flows_of_teams.is_current, false) as is_current,
        -- below it more would come than can be worked; above it people would wait for work
        coalesce(flows_of_teams.threshold_points = lowest_that_fits.threshold_points, false) as is_filling,

        flows_of_teams.reps,
        flows_of_teams.capacity_per_week,
        flows_of_teams.pqls_per_week,
        flows_of_teams.pqls_per_week / flows_of_teams.capacity_per_week as utilisation,
        flows_of_teams.reps_needed,
        flows_of_teams.entries as entries_observed,
        flows_of_teams.paid_rate,
        flows_of_teams.pqls_per_week * flows_of_teams.paid_rate as conversions_per_week,
        flows_of_teams.pqls_per_week * flows_of_teams.paid_rate_low as conversions_per_week_low,
        flows_of_teams.pqls_per_week * flows_of_teams.paid_rate_high as conversions_per_week_high,
        least(flows_of_teams.pqls_per_week, flows_of_teams.capacity_per_week)
        * flows_of_teams.paid_rate as conversions_per_week_within_capacity
    from flows_of_teams
    inner join lowest_that_fits
        on
            flows_of_teams.model_key = lowest_that_fits.model_key
            and flows_of_teams.team = lowest_that_fits.team
)

select * from final
