{%- set max_steps = var('funnel_max_steps', 8) -%}
with

int_funnel__attempt_steps as (
    select * from {{ ref('int_funnel__attempt_steps') }}
),

int_funnel__steps as (
    select * from {{ ref('int_funnel__steps') }}
),

int_funnel__sequences as (
    select * from {{ ref('int_funnel__sequences') }}
),

int_funnel__entity_attributes as (
    select * from {{ ref('int_funnel__entity_attributes') }}
),

funnel_definitions as (
    select * from {{ ref('funnel_definitions') }}
),

person_touches as (
    select * from {{ ref('int_core__person_touches') }}
),

dim_people as (
    select * from {{ ref('dim_people') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

funnel_levels as (
    select distinct
        funnel_key,
        entity_type,
        order_mode,
        counting,
        level,
        step_number,
        step_key,
        window_us,
        within_us,
        max(level) over (partition by funnel_key, entity_type) as count_levels
    from int_funnel__steps
    where is_required
),

funnel_windows as (
    -- how long an attempt can take at most; where nothing limits it, how long one is waited for
    select
        funnel_key,
        entity_type,
        case
            when least(min(window_us), sum(case when level > 1 then within_us else 0 end)) >= {{ no_deadline() }}
                then {{ funnel_patience_micros() }}
            else least(min(window_us), sum(case when level > 1 then within_us else 0 end))
        end as longest_us
    from funnel_levels
    group by funnel_key, entity_type
),

attempts as (
    select
        steps.funnel_key,
        steps.entity_type,
        steps.entity_id,
        steps.attempt_number,
        {% for number in range(1, max_steps + 1) %}
        max(case when steps.step_number = {{ number }} then steps.reached_at end) as step_{{ number }}_at,
        {% endfor %}
        max(steps.level) as level,
        min(steps.reached_at) as started_at,
        max(case when steps.is_required then steps.reached_at end) as furthest_at,
        max(
            case when steps.step_number <= funnel_definitions.touch_step_number then steps.reached_at end
        ) as touch_step_at
    from int_funnel__attempt_steps as steps
    inner join funnel_definitions
        on steps.funnel_key = funnel_definitions.funnel_key
    group by
        steps.funnel_key,
        steps.entity_type,
        steps.entity_id,
        steps.attempt_number
),

attempts_measured as (
    select
        attempts.*,
        furthest.counting,
        furthest.step_number as furthest_step_number,
        furthest.step_key as furthest_step_key,
        furthest.level = furthest.count_levels as is_completed,
        case
            when furthest.counting = 'every_attempt'
                then lead(attempts.started_at) over (
                    partition by attempts.funnel_key, attempts.entity_type, attempts.entity_id
                    order by attempts.attempt_number
                )
        end as next_started_at,
        case
            when furthest.window_us < {{ no_deadline() }}
                then {{ micros_at(epoch_micros('attempts.started_at') ~ ' + furthest.window_us') }}
        end as window_closes_at,
        case
            when next_level.within_us < {{ no_deadline() }}
                then {{ micros_at(epoch_micros('attempts.furthest_at') ~ ' + next_level.within_us') }}
            when next_level.within_us is not null and furthest.window_us >= {{ no_deadline() }}
                then {{ micros_at(epoch_micros('attempts.furthest_at') ~ ' + ' ~ funnel_patience_micros()) }}
        end as step_closes_at
    from attempts
    inner join funnel_levels as furthest
        on
            attempts.funnel_key = furthest.funnel_key
            and attempts.entity_type = furthest.entity_type
            and attempts.level = furthest.level
    left join funnel_levels as next_level
        on
            attempts.funnel_key = next_level.funnel_key
            and attempts.entity_type = next_level.entity_type
            and attempts.level + 1 = next_level.level
),

attempts_closing as (
    select
        attempts_measured.*,
        nullif(
            least(
                coalesce(next_started_at, {{ end_of_time() }}),
                coalesce(window_closes_at, {{ end_of_time() }}),
                coalesce(step_closes_at, {{ end_of_time() }})
            ),
            {{ end_of_time() }}
        ) as closes_at
    from attempts_measured
),

touches as (
    select
        'person' as entity_type,
        person_id as entity_id,
        channel,
        campaign,
        message_id,
        touched_at
    from person_touches
    union all
    select
        'account' as entity_type,
        dim_people.primary_account_id as entity_id,
        person_touches.channel,
        person_touches.campaign,
        person_touches.message_id,
        person_touches.touched_at
    from person_touches
    inner join dim_people
        on person_touches.person_id = dim_people.person_id
    where dim_people.primary_account_id is not null
),

touches_up_to_attempts as (
    select
        attempts.funnel_key,
        attempts.entity_type,
        attempts.entity_id,
        attempts.attempt_number,
        touches.channel,
        touches.campaign,
        row_number() over (
            partition by
                attempts.funnel_key,
                attempts.entity_type,
                attempts.entity_id,
                attempts.attempt_number
            order by touches.touched_at desc, touches.message_id
        ) as place
    from attempts
    inner join funnel_definitions
        on
            attempts.funnel_key = funnel_definitions.funnel_key
            and funnel_definitions.touch in ('last', 'step')
    inner join touches
        on
            attempts.entity_type = touches.entity_type
            and attempts.entity_id = touches.entity_id
            and touches.touched_at
            <= case funnel_definitions.touch when 'last' then attempts.furthest_at else attempts.touch_step_at end
),

final as (
    select
        attempts_closing.funnel_key,
        attempts_closing.entity_type,
        attempts_closing.entity_id,
        attempts_closing.attempt_number,

        attempts_closing.furthest_step_number,
        attempts_closing.furthest_step_key,
        attempts_closing.is_completed,
        not attempts_closing.is_completed
        and coalesce(attempts_closing.closes_at > dim_as_of.as_of_at, false) as is_open,
        case
            when
                not attempts_closing.is_completed
                and (attempts_closing.closes_at is null or attempts_closing.closes_at <= dim_as_of.as_of_at)
                then attempts_closing.furthest_step_number
        end as dropped_after_step,

        coalesce(int_funnel__entity_attributes.segment, 'unknown') as segment,
        coalesce(last_touches.channel, int_funnel__entity_attributes.first_channel, 'unknown') as channel,
        case
            when last_touches.channel is not null then coalesce(last_touches.campaign, 'unknown')
            else coalesce(int_funnel__entity_attributes.first_campaign, 'unknown')
        end as campaign,
        coalesce(int_funnel__entity_attributes.country, 'unknown') as country,
        {{ product_line() }} as product_line,
        coalesce(int_funnel__entity_attributes.entry_model, 'unknown') as entry_model,
        coalesce(int_funnel__entity_attributes.persona, 'unknown') as persona,
        coalesce(int_funnel__entity_attributes.motion, 'unknown') as motion,

        int_funnel__sequences.count_starts,
        {{ seconds_between('attempts_closing.started_at', 'attempts_closing.furthest_at') }} / 3600.0
            as hours_to_furthest_step,

        {{ week_start('attempts_closing.started_at') }} as cohort_week,
        {{ month_start('attempts_closing.started_at') }} as cohort_month,
        {{ epoch_micros("cast(" ~ week_start('attempts_closing.started_at') ~ " + interval 7 day as timestamp)") }}
        + funnel_windows.longest_us
        <= {{ epoch_micros('dim_as_of.as_of_at') }} as is_cohort_week_mature,
        {{ epoch_micros("cast(" ~ month_start('attempts_closing.started_at') ~ " + interval 1 month as timestamp)") }}
        + funnel_windows.longest_us
        <= {{ epoch_micros('dim_as_of.as_of_at') }} as is_cohort_month_mature,
        attempts_closing.started_at,
        attempts_closing.furthest_at,
        {% for number in range(1, max_steps + 1) %}
        attempts_closing.step_{{ number }}_at,
        {% endfor %}
        attempts_closing.closes_at
    from attempts_closing
    cross join dim_as_of
    inner join int_funnel__sequences
        on
            attempts_closing.funnel_key = int_funnel__sequences.funnel_key
            and attempts_closing.entity_type = int_funnel__sequences.entity_type
            and attempts_closing.entity_id = int_funnel__sequences.entity_id
    inner join funnel_windows
        on
            attempts_closing.funnel_key = funnel_windows.funnel_key
            and attempts_closing.entity_type = funnel_windows.entity_type
    left join int_funnel__entity_attributes
        on
            attempts_closing.entity_type = int_funnel__entity_attributes.entity_type
            and attempts_closing.entity_id = int_funnel__entity_attributes.entity_id
    left join touches_up_to_attempts as last_touches
        on
            attempts_closing.funnel_key = last_touches.funnel_key
            and attempts_closing.entity_type = last_touches.entity_type
            and attempts_closing.entity_id = last_touches.entity_id
            and attempts_closing.attempt_number = last_touches.attempt_number
            and last_touches.place = 1
)

select * from final
