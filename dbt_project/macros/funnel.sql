{#-
    The funnel engine: which steps of a funnel an entity reached, by its sequence of points (an
    occurrence of a step at a moment). What an attempt is, and which one counts, is written in
    models/README.md ("Funnels").

    Times are whole microseconds since 1970 (`at_us`). A point's `position` is 64 times that plus
    the place of its name in the funnel (seed order, at most 62), so that one number orders a
    sequence, ties included, and two names at one moment never trade places.

    Why two passes over each step are enough. From a point of step k the next one may be reached
    until its deadline (the step's window, an exclusion, in strict funnels any other activity).
    A later point never has an earlier deadline, and the latest start from which it is reached is
    never an earlier one. So of all points of step k before a point of step k+1 only the last
    needs to be asked: a running maximum, no join of pairs. That marks every point that any chain
    reaches. Going back from the end of the furthest chain, each step is the earliest marked
    point from which that end is reached.
-#}

{#- Whole microseconds since 1970 of a UTC timestamp. -#}
{% macro epoch_micros(value) -%}
    {{ return(adapter.dispatch('epoch_micros', 'plg')(value)) }}
{%- endmacro %}

{% macro default__epoch_micros(value) -%}
    date_diff('microsecond', timestamp '1970-01-01 00:00:00', {{ value }})
{%- endmacro %}

{% macro spark__epoch_micros(value) -%}
    unix_micros(timestamp({{ value }}))
{%- endmacro %}


{#- The UTC timestamp of whole microseconds since 1970. -#}
{% macro micros_at(micros) -%}
    {{ return(adapter.dispatch('micros_at', 'plg')(micros)) }}
{%- endmacro %}

{% macro default__micros_at(micros) -%}
    make_timestamp({{ micros }})
{%- endmacro %}

{% macro spark__micros_at(micros) -%}
    timestamp_micros({{ micros }})
{%- endmacro %}


{#- Later than every moment: a window without an end. -#}
{% macro no_deadline() -%}
    cast(4000000000000000 as bigint)
{%- endmacro %}


{#- How long somebody is waited for where no window says it: after that they count as dropped, and
    only cohorts that have had so long are mature. Who goes on later is counted all the same. -#}
{% macro funnel_patience_micros() -%}
    cast({{ var('funnel_patience_days') * 24 * 3600000000 }} as bigint)
{%- endmacro %}


{#- A window of so many hours in microseconds; no hours, no end. -#}
{% macro micros_of_hours(hours) -%}
    coalesce(cast(round({{ hours }} * 3600000000) as bigint), {{ no_deadline() }})
{%- endmacro %}


{#- Where a point stands in its sequence. -#}
{% macro funnel_position(at_us, name_rank) -%}
    ({{ at_us }} * 64 + {{ name_rank }})
{%- endmacro %}


{#- Everything with a lower position comes before the point. Within the tolerance the order of
    timestamps says nothing: there what is up to so much later counts as before. -#}
{% macro funnel_ask_position(position, at_us, tolerance_us) -%}
    case
        when {{ tolerance_us }} > 0 then ({{ at_us }} + {{ tolerance_us }}) * 64 + 63
        else {{ position }}
    end
{%- endmacro %}


{#-
    For funnels in order (ordered, strict). `points` is a CTE of required steps' points:
    sequence_id, segment, counting, level, position, ask_position, at_us, deadline_us, window_us.
    Renders the CTEs reached_1 … reached_<max>: the points of that level some chain reaches, with
    `start_us`, the latest start of such a chain.
-#}
{% macro funnel_reached_points(points, max_levels) -%}
reached_1 as (
    -- counted from the first start only, the others are none
    select
        sequence_id,
        segment,
        position,
        at_us,
        deadline_us,
        at_us as start_us,
        window_us
    from (
        select
            {{ points }}.*,
            min({{ points }}.position) over (partition by {{ points }}.sequence_id) as first_position
        from {{ points }}
        where {{ points }}.level = 1
    ) as starts
    where counting <> 'first_attempt' or position = first_position
),
{%- for level in range(2, max_levels + 1) %}

asked_{{ level }} as (
    select
        sequence_id,
        segment,
        position,
        at_us,
        deadline_us,
        window_us,
        is_asked,
        max(asked_deadline_us) over (
            partition by sequence_id, segment
            order by sort_position, is_asked
            rows between unbounded preceding and current row
        ) as open_until_us,
        max(asked_start_us) over (
            partition by sequence_id, segment
            order by sort_position, is_asked
            rows between unbounded preceding and current row
        ) as start_us
    from (
        select
            sequence_id,
            segment,
            position,
            at_us,
            deadline_us,
            window_us,
            position as sort_position,
            1 as is_asked,
            deadline_us as asked_deadline_us,
            start_us as asked_start_us
        from reached_{{ level - 1 }}
        union all
        select
            sequence_id,
            segment,
            position,
            at_us,
            deadline_us,
            window_us,
            ask_position as sort_position,
            0 as is_asked,
            cast(null as bigint) as asked_deadline_us,
            cast(null as bigint) as asked_start_us
        from {{ points }}
        where level = {{ level }}
    ) as both_levels
),

reached_{{ level }} as (
    select
        sequence_id,
        segment,
        position,
        at_us,
        deadline_us,
        start_us,
        window_us
    from asked_{{ level }}
    where
        is_asked = 0
        and at_us < open_until_us
        and at_us < start_us + window_us
),
{%- endfor %}
{%- endmacro %}


{#-
    The chain that counts, of the points marked by funnel_reached_points: it reaches furthest,
    is there first, and each step before is the earliest from which that end is reached.
    Renders the CTE `chains`: sequence_id, segment, level, position, at_us, depth.
    `sequences` gives the tolerance: sequence_id, tolerance_us.
-#}
{% macro funnel_chains(sequences, max_levels) -%}
chain_ends as (
    {%- for level in range(1, max_levels + 1) %}
    {{ 'union all' if not loop.first }}
    select
        sequence_id,
        segment,
        {{ level }} as level,
        min(position) as position,
        min(at_us) as at_us
    from reached_{{ level }}
    group by sequence_id, segment
    {%- endfor %}
),

furthest_ends as (
    select
        ends.sequence_id,
        ends.segment,
        ends.level,
        ends.position,
        ends.at_us,
        {{ sequences }}.tolerance_us
    from (
        select
            chain_ends.*,
            max(level) over (partition by sequence_id, segment) as depth
        from chain_ends
    ) as ends
    inner join {{ sequences }} on ends.sequence_id = {{ sequences }}.sequence_id
    where ends.level = ends.depth
),
{% for level in range(max_levels, 0, -1) %}
chain_{{ level }} as (
    select
        sequence_id,
        segment,
        level as depth,
        position,
        at_us,
        at_us as last_us,
        tolerance_us
    from furthest_ends
    where level = {{ level }}
    {%- if level < max_levels %}
    union all
    select
        onward.sequence_id,
        onward.segment,
        min(onward.depth) as depth,
        min(reached.position) as position,
        min(reached.at_us) as at_us,
        greatest(min(onward.last_us), min(reached.at_us)) as last_us,
        min(onward.tolerance_us) as tolerance_us
    from chain_{{ level + 1 }} as onward
    inner join reached_{{ level }} as reached
        on
            onward.sequence_id = reached.sequence_id
            and onward.segment = reached.segment
            and reached.deadline_us > onward.at_us
            and reached.start_us + reached.window_us > onward.last_us
            and reached.position < {{ funnel_ask_position('onward.position', 'onward.at_us', 'onward.tolerance_us') }}
    group by onward.sequence_id, onward.segment
    {%- endif %}
),
{% endfor %}
chains as (
    {%- for level in range(1, max_levels + 1) %}
    {{ 'union all' if not loop.first }}
    select
        sequence_id,
        segment,
        {{ level }} as level,
        position,
        at_us,
        depth
    from chain_{{ level }}
    {%- endfor %}
),
{%- endmacro %}


{#-
    For funnels in any order: `points` is a CTE with sequence_id, level, at_us, deadline_us,
    window_us. Every point is asked which steps come in the window that begins with it; the
    window that counts has the most steps from the first on, is complete first, and begins
    first. Renders the CTE `unordered`: sequence_id, level, at_us, depth.
-#}
{% macro funnel_unordered(points, max_levels) -%}
windows_opened as (
    select
        sequence_id,
        at_us,
        least(deadline_us, at_us + window_us) as closes_us
        {%- for level in range(1, max_levels + 1) %},
        min(case when level = {{ level }} then at_us end) over (
            partition by sequence_id
            order by at_us
            range between current row and unbounded following
        ) as level_{{ level }}_us
        {%- endfor %}
    from {{ points }}
),

windows_measured as (
    select
        windows_opened.*,
        case
            {%- for level in range(1, max_levels + 1) %}
            when coalesce(level_{{ level }}_us, {{ no_deadline() }}) >= closes_us then {{ level - 1 }}
            {%- endfor %}
            else {{ max_levels }}
        end as depth
    from windows_opened
),

windows_in_order as (
    select
        windows_measured.*,
        row_number() over (
            partition by sequence_id
            order by
                depth desc,
                case depth
                    {%- for depth in range(1, max_levels + 1) %}
                    when {{ depth }}
                        then greatest(
                            level_1_us
                            {%- for level in range(1, depth + 1) -%}
                            , level_{{ level }}_us
                            {%- endfor -%}
                        )
                    {%- endfor %}
                end,
                at_us
        ) as place
    from windows_measured
    where depth > 0
),

unordered as (
    {%- for level in range(1, max_levels + 1) %}
    {{ 'union all' if not loop.first }}
    select
        sequence_id,
        {{ level }} as level,
        level_{{ level }}_us as at_us,
        depth
    from windows_in_order
    where place = 1 and depth >= {{ level }}
    {%- endfor %}
),
{%- endmacro %}


{#- What a milestone is called as a step of a funnel. -#}
{% macro milestone_stage(milestone) -%}
    case {{ milestone }} when 'setup' then 'set_up' when 'activation' then 'activated' when 'habit' then 'habitual' end
{%- endmacro %}


{#-
    Every attempt once for each cohort (week, month, all mature months together) and cut it is
    counted in. Renders the CTE `attempt_cuts`; `attempts` names a CTE with the columns of
    fct_funnel_attempts, `columns` those of it to carry along.
-#}
{% macro funnel_attempt_cuts(attempts, columns) -%}
{%- set dimension_columns = ['channel', 'campaign', 'segment', 'country', 'product_line', 'entry_model', 'persona', 'motion'] -%}
dimensions as (
    select 'all' as dimension
    {%- for dimension in dimension_columns %}
    union all
    select '{{ dimension }}' as dimension
    {%- endfor %}
),

cohort_grains as (
    select 'week' as cohort_grain
    union all
    select 'month' as cohort_grain
    union all
    select 'total' as cohort_grain
),

attempt_cuts as (
    select
        {%- for column in columns %}
        {{ attempts }}.{{ column }},
        {%- endfor %}
        cohort_grains.cohort_grain,
        case cohort_grains.cohort_grain
            when 'week' then {{ attempts }}.cohort_week
            when 'month' then {{ attempts }}.cohort_month
        end as cohort_date,
        case cohort_grains.cohort_grain
            when 'week' then {{ attempts }}.is_cohort_week_mature
            else {{ attempts }}.is_cohort_month_mature
        end as is_mature,
        dimensions.dimension,
        case dimensions.dimension
            when 'all' then 'all'
            {%- for dimension in dimension_columns %}
            when '{{ dimension }}' then {{ attempts }}.{{ dimension }}
            {%- endfor %}
        end as dimension_value
    from {{ attempts }}
    cross join cohort_grains
    cross join dimensions
    where cohort_grains.cohort_grain <> 'total' or {{ attempts }}.is_cohort_month_mature
),
{%- endmacro %}
