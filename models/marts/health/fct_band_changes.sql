with

account_health as (
    select * from {{ ref('fct_account_health') }}
),

components as (
    select * from {{ ref('fct_health_components') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

days_compared as (
    select
        account_id,
        health_date,
        band,
        health_score,
        lag(band) over account_history as previous_band,
        lag(health_score) over account_history as previous_score,
        lag(health_date) over account_history as previous_date
    from account_health
    window account_history as (
        partition by account_id
        order by health_date
    )
),

changes as (
    -- after days without a score (it did not pay) there is nothing to compare with
    select *
    from days_compared
    where
        band <> previous_band
        and {{ days_between('previous_date', 'health_date') }} = 1
),

points_moved as (
    select
        changes.account_id,
        changes.health_date,
        today.component,
        today.place,
        today.points - yesterday.points as change_in_points,
        case when changes.health_score < changes.previous_score then -1 else 1 end as direction
    from changes
    inner join components as today
        on
            changes.account_id = today.account_id
            and changes.health_date = today.health_date
    inner join components as yesterday
        on
            changes.account_id = yesterday.account_id
            and changes.previous_date = yesterday.health_date
            and today.component = yesterday.component
),

moved_most as (
    -- only what moved the score the way it went
    select
        account_id,
        health_date,
        component,
        change_in_points,
        row_number() over (
            partition by account_id, health_date
            order by abs(change_in_points) desc, place
        ) as nth
    from points_moved
    where change_in_points * direction > 0
),

final as (
    select
        changes.account_id,
        changes.health_date,
        changes.previous_band as from_band,
        changes.band as to_band,
        changes.previous_score,
        changes.health_score,
        moved_most.component as moved_by,
        cast(moved_most.change_in_points as decimal(9, 2)) as moved_by_points,
        -- the score of a day stands for its end, or for now while the day lasts
        least(
            cast({{ add_days('changes.health_date', 1) }} as timestamp) - interval '1' microsecond,
            clock.as_of_at
        ) as changed_at
    from changes
    cross join clock
    left join moved_most
        on
            changes.account_id = moved_most.account_id
            and changes.health_date = moved_most.health_date
            and moved_most.nth = 1
)

select * from final
