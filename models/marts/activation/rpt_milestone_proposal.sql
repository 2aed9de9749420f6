with

rpt_milestone_candidates as (
    select * from {{ ref('rpt_milestone_candidates') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

candidates_in_order as (
    select
        *,
        is_proposable and held_out_gain_low > 0 as is_better_than_current,
        row_number() over (
            order by
                case
                    when is_proposable and held_out_gain_low > 0 then 0
                    when is_proposable then 1
                    when is_value_event then 2
                    else 3
                end,
                candidate_rank
        ) as place
    from rpt_milestone_candidates
    where kind != 'current' and candidate_rank is not null
),

best as (
    select * from candidates_in_order
    where place = 1
),

in_force as (
    select * from rpt_milestone_candidates
    where kind = 'current'
),

final as (
    select
        {{ product_line() }} as product_line,

        case
            when best.candidate_key is null then 'not_enough_data'
            when best.is_better_than_current then 'consider'
            else 'keep'
        end as decision,
        case
            when best.candidate_key is null then 'Too few people whose outcome is known.'
            when best.is_better_than_current
                then 'It goes with staying in the earlier and in the latest cohorts, and more so than the activation in force. It may still be no cause: test it before changing milestone_definitions.'
            when best.is_proposable
                then 'It goes with staying, but in the latest cohorts no more than the activation in force.'
            when not best.is_value_event then 'The best candidate is no use of the product.'
            when not best.is_significant then 'The best candidate could be chance, or too weak.'
            when not best.is_stable then 'The best candidate does not hold month by month.'
            when not best.is_confirmed then 'The best candidate does not hold in the latest cohorts.'
            else 'The best candidate is a pair that is no better than one of its halves.'
        end as reason,
        best.definition,
        case
            when best.is_better_than_current
                then
                    {{ product_line() }} || ',activation,1,1,' || best.event_name || ','
                    || cast(best.min_count as varchar) || ',1,' || cast(best.within_days as varchar) || ',,,'
        end as seed_row,
        case
            when best.is_better_than_current and best.second_event_name is not null
                then
                    {{ product_line() }} || ',activation,1,2,' || best.second_event_name || ','
                    || cast(best.second_min_count as varchar) || ',1,'
                    || cast(best.second_within_days as varchar) || ',,,'
        end as second_seed_row,

        best.people,
        best.retained,
        best.reach,
        best.recall,
        best.precision,
        best.lift,
        best.lift_low,
        best.lift_high,
        best.p_value_adjusted,
        best.score,
        best.held_out_people,
        best.held_out_lift,
        best.held_out_lift_low,
        best.held_out_lift_high,
        best.held_out_gain,
        best.held_out_gain_low,
        best.held_out_gain_high,
        in_force.reach as current_reach,
        in_force.lift as current_lift,
        in_force.held_out_lift as current_held_out_lift,

        dim_as_of.as_of_at
    from dim_as_of
    left join best on best.place = 1
    left join in_force on in_force.kind = 'current'
)

select * from final
