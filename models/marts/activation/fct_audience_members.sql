with

audience_definitions as (
    select * from {{ ref('audience_definitions') }}
),

audience_prompts as (
    select * from {{ ref('audience_prompts') }}
),

audience_ignored_events as (
    select * from {{ ref('audience_ignored_events') }}
),

dim_people as (
    select * from {{ ref('dim_people') }}
),

fct_person_days as (
    select * from {{ ref('fct_person_days') }}
),

fct_person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
),

int_activation__person_conditions as (
    select * from {{ ref('int_activation__person_conditions') }}
),

int_activation__condition_reached as (
    select * from {{ ref('int_activation__condition_reached') }}
),

int_activation__next_steps as (
    select * from {{ ref('int_activation__next_steps') }}
),

dim_as_of as (
    select * from {{ ref('dim_as_of') }}
),

people as (
    select
        dim_people.person_id,
        dim_people.primary_account_id as account_id,
        dim_people.signed_up_at
    from dim_people
    cross join dim_as_of
    where dim_people.signed_up_at <= dim_as_of.as_of_at
),

active_days as (
    -- signing up is the first event, whatever call it came with
    select
        people.person_id,
        fct_person_days.activity_date,
        min(case
            when fct_person_days.first_event_at < people.signed_up_at then people.signed_up_at
            else fct_person_days.first_event_at
        end) as first_event_at,
        max(case
            when fct_person_days.last_event_at <= dim_as_of.as_of_at then fct_person_days.last_event_at
            else fct_person_days.first_event_at
        end) as last_event_at
    from people
    cross join dim_as_of
    inner join fct_person_days
        on people.person_id = fct_person_days.person_id
    left join audience_ignored_events
        on fct_person_days.event_name = audience_ignored_events.event_name
    where
        audience_ignored_events.event_name is null
        and fct_person_days.last_event_at >= people.signed_up_at
        and fct_person_days.first_event_at <= dim_as_of.as_of_at
    group by people.person_id, fct_person_days.activity_date
),

events_and_signups as (
    select
        person_id,
        first_event_at,
        last_event_at
    from active_days
    union all
    select
        person_id,
        signed_up_at as first_event_at,
        signed_up_at as last_event_at
    from people
),

last_events as (
    select
        person_id,
        max(last_event_at) as last_event_at
    from events_and_signups
    group by person_id
),

pauses as (
    select
        person_id,
        first_event_at as back_at,
        lag(last_event_at) over (partition by person_id order by first_event_at, last_event_at) as paused_at
    from events_and_signups
),

first_days_after_activation as (
    select
        fct_person_milestones.person_id,
        fct_person_milestones.reached_at,
        min(active_days.activity_date) as next_active_date
    from fct_person_milestones
    left join active_days
        on
            fct_person_milestones.person_id = active_days.person_id
            and active_days.activity_date > cast(fct_person_milestones.reached_at as date)
    where fct_person_milestones.milestone = 'activation'
    group by fct_person_milestones.person_id, fct_person_milestones.reached_at
),

reasons as (
    select
        audience_definitions.audience,
        people.person_id,
        {{ add_hours('people.signed_up_at', '24 * audience_definitions.after_days') }} as since_at
    from audience_definitions
    cross join people
    left join fct_person_milestones
        on
            people.person_id = fct_person_milestones.person_id
            and audience_definitions.target_milestone = fct_person_milestones.milestone
    where audience_definitions.rule = 'milestone_missing' and fct_person_milestones.person_id is null
    union all
    select
        audience_definitions.audience,
        first_days_after_activation.person_id,
        {{ add_hours('first_days_after_activation.reached_at', '24 * audience_definitions.after_days') }} as since_at
    from audience_definitions
    cross join first_days_after_activation
    where
        audience_definitions.rule = 'no_event_since_activation'
        and first_days_after_activation.next_active_date is null
    union all
    select
        audience_definitions.audience,
        last_events.person_id,
        {{ add_hours('last_events.last_event_at', '24 * audience_definitions.after_days') }} as since_at
    from audience_definitions
    cross join last_events
    where audience_definitions.rule = 'no_event'
    union all
    select
        audience_definitions.audience,
        pauses.person_id,
        max(pauses.back_at) as since_at
    from audience_definitions
    cross join pauses
    where
        audience_definitions.rule = 'came_back'
        and pauses.back_at >= {{ add_hours('pauses.paused_at', '24 * audience_definitions.after_days') }}
    group by audience_definitions.audience, pauses.person_id
),

members as (
    select
        reasons.audience,
        reasons.person_id,
        reasons.since_at,
        case
            when audience_definitions.for_days is not null
                then {{ add_hours('reasons.since_at', '24 * audience_definitions.for_days') }}
        end as until_at,
        audience_definitions.target_milestone
    from reasons
    inner join audience_definitions
        on reasons.audience = audience_definitions.audience
    cross join dim_as_of
    where
        reasons.since_at <= dim_as_of.as_of_at
        and (
            audience_definitions.for_days is null
            or {{ add_hours('reasons.since_at', '24 * audience_definitions.for_days') }} > dim_as_of.as_of_at
        )
),

steps_from_the_last as (
    select
        steps.person_id,
        steps.event_name,
        met.reached_at,
        row_number() over (
            partition by steps.person_id
            order by met.reached_at desc, steps.milestone, steps.condition_group, steps.condition_number
        ) as place
    from int_activation__condition_reached as met
    inner join int_activation__person_conditions as steps
        on
            met.person_id = steps.person_id
            and met.condition_id = steps.condition_id
),

members_with_steps as (
    select
        members.audience,
        members.person_id,
        people.account_id,
        members.since_at,
        members.until_at,
        steps_from_the_last.event_name as last_completed_step,
        steps_from_the_last.reached_at as last_step_at,
        case
            when members.target_milestone is not null then target_steps.next_step
            else coalesce(activation_steps.next_step, habit_steps.next_step)
        end as next_step
    from members
    inner join people
        on members.person_id = people.person_id
    left join steps_from_the_last
        on
            members.person_id = steps_from_the_last.person_id
            and steps_from_the_last.place = 1
    left join int_activation__next_steps as target_steps
        on
            members.person_id = target_steps.person_id
            and members.target_milestone = target_steps.milestone
    left join int_activation__next_steps as activation_steps
        on
            members.person_id = activation_steps.person_id
            and activation_steps.milestone = 'activation'
    left join int_activation__next_steps as habit_steps
        on
            members.person_id = habit_steps.person_id
            and habit_steps.milestone = 'habit'
),

situations as (
    select distinct
        audience,
        next_step
    from members_with_steps
),

prompts_in_order as (
    -- what fits most closely: the step counts more than the audience, both more than the product
    select
        situations.audience,
        situations.next_step,
        audience_prompts.prompt_key,
        audience_prompts.prompt,
        row_number() over (
            partition by situations.audience, situations.next_step
            order by
                case when audience_prompts.next_step is null then 1 else 0 end,
                case when audience_prompts.audience is null then 1 else 0 end,
                case when audience_prompts.product_line is null then 1 else 0 end,
                audience_prompts.prompt_key
        ) as place
    from situations
    inner join audience_prompts
        on
            (audience_prompts.next_step is null or situations.next_step = audience_prompts.next_step)
            and (audience_prompts.audience is null or situations.audience = audience_prompts.audience)
            and (audience_prompts.product_line is null or audience_prompts.product_line = {{ product_line() }})
),

final as (
    select
        members_with_steps.audience,
        members_with_steps.person_id,

        members_with_steps.account_id,
        members_with_steps.last_completed_step,
        members_with_steps.next_step,
        prompts_in_order.prompt_key,
        prompts_in_order.prompt,

        members_with_steps.since_at,
        members_with_steps.until_at,
        members_with_steps.last_step_at
    from members_with_steps
    left join prompts_in_order
        on
            members_with_steps.audience = prompts_in_order.audience
            and coalesce(members_with_steps.next_step, '') = coalesce(prompts_in_order.next_step, '')
            and prompts_in_order.place = 1
)

select * from final
