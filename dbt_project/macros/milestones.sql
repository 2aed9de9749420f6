{#- Seconds elapsed between two timestamps, fractions included, as a DOUBLE. -#}
{% macro seconds_between(first, second) -%}
    {{ return(adapter.dispatch('seconds_between', 'plg')(first, second)) }}
{%- endmacro %}

{% macro default__seconds_between(first, second) -%}
    (epoch({{ second }}) - epoch({{ first }}))
{%- endmacro %}

{% macro spark__seconds_between(first, second) -%}
    ((unix_micros(timestamp({{ second }})) - unix_micros(timestamp({{ first }}))) / 1e6)
{%- endmacro %}


{#- Exact interpolated percentile, an aggregate: {{ percentile('minutes', 0.9) }}. -#}
{% macro percentile(column, fraction) -%}
    {{ return(adapter.dispatch('percentile', 'plg')(column, fraction)) }}
{%- endmacro %}

{% macro default__percentile(column, fraction) -%}
    quantile_cont({{ column }}, {{ fraction }})
{%- endmacro %}

{% macro spark__percentile(column, fraction) -%}
    percentile({{ column }}, {{ fraction }})
{%- endmacro %}


{#-
    When each person met each condition. `counted_events` is a CTE with one row an event that
    counts: person_id, condition_id, min_count, min_distinct_days, property_value (the thing it is
    about, where only events of the same one add up), event_at. The answer is the event that crosses the threshold: the min_count-th one, and for distinct days the first
    one on the min_distinct_days-th UTC date, whichever is later.
-#}
{% macro threshold_crossings(counted_events) -%}
    select
        person_id,
        condition_id,
        min(event_at) as reached_at
    from (
        select
            person_id,
            condition_id,
            min_count,
            min_distinct_days,
            event_at,
            row_number() over (
                partition by person_id, condition_id, property_value order by event_at
            ) as event_number,
            dense_rank() over (
                partition by person_id, condition_id, property_value order by cast(event_at as date)
            ) as day_number
        from {{ counted_events }}
    ) as numbered
    where event_number >= min_count and day_number >= min_distinct_days
    group by person_id, condition_id
{%- endmacro %}


{#-
    When each person reached each milestone: AND within a group (its latest condition), OR
    between groups (the earliest group). `conditions` holds every condition that applies to a
    person (person_id, milestone, condition_group, condition_id, valid_from, signed_up_at),
    `reached` those met (person_id, condition_id, reached_at).
-#}
{% macro milestones_from_conditions(conditions, reached) -%}
    select
        person_id,
        milestone,
        condition_group,
        signed_up_at,
        reached_at
    from (
        select
            person_id,
            milestone,
            condition_group,
            signed_up_at,
            reached_at,
            row_number() over (
                partition by person_id, milestone order by reached_at, condition_group
            ) as place
        from (
            select
                applying.person_id,
                applying.milestone,
                applying.condition_group,
                min(applying.signed_up_at) as signed_up_at,
                max(met.reached_at) as reached_at
            from {{ conditions }} as applying
            left join {{ reached }} as met
                on
                    applying.person_id = met.person_id
                    and applying.condition_id = met.condition_id
            group by applying.person_id, applying.milestone, applying.condition_group
            having count(met.reached_at) = count(*)
        ) as groups_reached
    ) as groups_in_order
    where place = 1
{%- endmacro %}


{#- The candidates for a milestone. The statistics run in Python inside DuckDB's adapter; an engine
    whose adapter runs no Python model has none. -#}
{% macro milestone_discovery() -%}
    {{ return(adapter.dispatch('milestone_discovery', 'plg')()) }}
{%- endmacro %}

{% macro default__milestone_discovery() -%}
    {{ ref('int_activation__discovery') }}
{%- endmacro %}

{% macro spark__milestone_discovery() -%}
    (select
        cast(null as string) as candidate_key,
        cast(null as string) as kind,
        cast(null as string) as definition,
        cast(null as string) as event_name,
        cast(null as int) as min_count,
        cast(null as int) as within_days,
        cast(null as string) as second_event_name,
        cast(null as int) as second_min_count,
        cast(null as int) as second_within_days,
        cast(null as int) as candidate_rank,
        cast(null as bigint) as people,
        cast(null as bigint) as retained,
        cast(null as bigint) as reached_retained,
        cast(null as bigint) as reached_lost,
        cast(null as double) as reach,
        cast(null as double) as recall,
        cast(null as double) as recall_low,
        cast(null as double) as recall_high,
        cast(null as double) as reach_lost_share,
        cast(null as double) as reach_difference,
        cast(null as double) as reach_difference_low,
        cast(null as double) as reach_difference_high,
        cast(null as double) as precision,
        cast(null as double) as precision_low,
        cast(null as double) as precision_high,
        cast(null as double) as lift,
        cast(null as double) as lift_low,
        cast(null as double) as lift_high,
        cast(null as double) as mutual_information_bits,
        cast(null as double) as p_value,
        cast(null as double) as p_value_adjusted,
        cast(null as double) as score,
        cast(null as double) as score_low,
        cast(null as double) as score_high,
        cast(null as int) as cohorts_checked,
        cast(null as int) as cohorts_positive,
        cast(null as double) as lowest_cohort_lift,
        cast(null as double) as highest_cohort_lift,
        cast(null as bigint) as held_out_people,
        cast(null as bigint) as held_out_retained,
        cast(null as bigint) as held_out_reached_retained,
        cast(null as bigint) as held_out_reached_lost,
        cast(null as double) as held_out_lift,
        cast(null as double) as held_out_lift_low,
        cast(null as double) as held_out_lift_high,
        cast(null as double) as held_out_p_value,
        cast(null as double) as held_out_gain,
        cast(null as double) as held_out_gain_low,
        cast(null as double) as held_out_gain_high,
        cast(null as boolean) as is_value_event,
        cast(null as boolean) as is_supported,
        cast(null as boolean) as is_significant,
        cast(null as boolean) as is_stable,
        cast(null as boolean) as is_confirmed,
        cast(null as boolean) as is_better_than_its_halves,
        cast(null as boolean) as is_proposable
    where false)
{%- endmacro %}
