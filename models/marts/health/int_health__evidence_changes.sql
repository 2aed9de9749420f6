with

components as (
    select * from {{ ref('health_components') }}
),

paying_spans as (
    select * from {{ ref('int_health__paying_spans') }}
),

champions as (
    select * from {{ ref('int_health__champions') }}
),

account_days as (
    select * from {{ ref('fct_account_days') }}
),

support_tickets as (
    select * from {{ ref('fct_support_tickets') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

feature_events as (
    select * from {{ ref('feature_events') }}
),

paying_accounts as (
    select
        account_id,
        min(valid_from) as first_paid_date
    from paying_spans
    group by account_id
),

event_names as (
    select
        event_name,
        is_product_activity
    from event_registry
    union all
    -- tickets come from the help desk, not from the product
    select
        'support_ticket_opened' as event_name,
        false as is_product_activity
),

component_events as (
    select
        components.component,
        event_names.event_name,
        feature_events.feature_key
    from components
    inner join event_names
        on
            (components.event_names = '*' and event_names.is_product_activity)
            or strpos(concat(';', components.event_names, ';'), concat(';', event_names.event_name, ';')) > 0
    left join feature_events on event_names.event_name = feature_events.event_name
),

operands as (
    -- what is counted above the line, and below it: of the same window or of the one before
    select
        component,
        'numerator' as operand,
        numerator as measure,
        window_days,
        0 as windows_back
    from components
    where numerator <> 'billing_value'
    union all
    select
        component,
        'denominator' as operand,
        case when denominator = 'previous' then numerator else denominator end as measure,
        window_days,
        case when denominator = 'previous' then 1 else 0 end as windows_back
    from components
    where denominator not in ('none', 'seats')
),

events_and_tickets as (
    -- an event is known from the day on which all of it had been received
    select
        account_id,
        person_id,
        event_name,
        activity_date,
        known_date,
        count_events
    from account_days
    union all
    select
        account_id,
        person_id,
        'support_ticket_opened' as event_name,
        cast(opened_at as date) as activity_date,
        cast(opened_at as date) as known_date,
        1 as count_events
    from support_tickets
    where account_id is not null
),

events_of_payers as (
    select
        component_events.component,
        component_events.feature_key,
        events_and_tickets.account_id,
        events_and_tickets.person_id,
        events_and_tickets.activity_date,
        events_and_tickets.known_date,
        sum(events_and_tickets.count_events) as count_events
    from events_and_tickets
    inner join paying_accounts on events_and_tickets.account_id = paying_accounts.account_id
    inner join component_events on events_and_tickets.event_name = component_events.event_name
    group by
        component_events.component,
        component_events.feature_key,
        events_and_tickets.account_id,
        events_and_tickets.person_id,
        events_and_tickets.activity_date,
        events_and_tickets.known_date
),

units as (
    -- what counts once however often it is seen; events count each time
    select
        operands.component,
        operands.operand,
        operands.measure,
        events_of_payers.account_id,
        case operands.measure
            when 'features' then events_of_payers.feature_key
            when 'people' then events_of_payers.person_id
            when 'days' then cast(events_of_payers.activity_date as varchar)
            when 'person_days' then concat(cast(events_of_payers.activity_date as varchar), ' ', events_of_payers.person_id)
            else 'event'
        end as unit_key,
        greatest(
            events_of_payers.known_date,
            {{ add_days('events_of_payers.activity_date', 'operands.windows_back * operands.window_days') }}
        ) as from_date,
        {{ add_days('events_of_payers.activity_date', '(operands.windows_back + 1) * operands.window_days') }} as to_date,
        events_of_payers.count_events
    from events_of_payers
    inner join operands on events_of_payers.component = operands.component
    where operands.measure <> 'champion_days'

    union all

    -- a champion is one for a month: days count while the month lasts
    select
        operands.component,
        operands.operand,
        operands.measure,
        events_of_payers.account_id,
        concat(cast(champions.month as varchar), ' ', cast(events_of_payers.activity_date as varchar)) as unit_key,
        greatest(events_of_payers.known_date, champions.month) as from_date,
        least(
            {{ add_days('events_of_payers.activity_date', 'operands.window_days') }},
            {{ add_months_to('champions.month', 1) }}
        ) as to_date,
        events_of_payers.count_events
    from events_of_payers
    inner join operands
        on
            events_of_payers.component = operands.component
            and operands.measure = 'champion_days'
    inner join champions
        on
            events_of_payers.account_id = champions.account_id
            and events_of_payers.person_id = champions.person_id
),

units_seen as (
    select
        component,
        operand,
        measure,
        account_id,
        unit_key,
        from_date,
        to_date,
        sum(count_events) as count_events
    from units
    where
        -- received after its window had passed: no day ever saw it
        from_date < to_date
        and unit_key is not null
    group by
        component,
        operand,
        measure,
        account_id,
        unit_key,
        from_date,
        to_date
),

units_with_reach as (
    -- how far the windows of what was seen before reach
    select
        *,
        max(to_date) over (
            partition by component, operand, account_id, unit_key
            order by from_date, to_date
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from units_seen
    where measure <> 'events'
),

units_counted as (
    -- windows that overlap are counted once: each adds only the days beyond those before it
    select
        component,
        operand,
        account_id,
        greatest(from_date, coalesce(covered_until, from_date)) as from_date,
        to_date,
        1 as count_units
    from units_with_reach
    where coalesce(to_date > covered_until, true)
    union all
    select
        component,
        operand,
        account_id,
        from_date,
        to_date,
        count_events as count_units
    from units_seen
    where measure = 'events'
),

first_known_anywhere as (
    -- what no account has ever sent is not recorded here, and no zero
    select
        components.component,
        min(
            greatest(
                events_and_tickets.known_date,
                {{ add_days(
                    'events_and_tickets.activity_date',
                    "components.window_days * (case when components.denominator = 'previous' then 2 else 1 end) - 1"
                ) }}
            )
        ) as known_date
    from events_and_tickets
    inner join component_events on events_and_tickets.event_name = component_events.event_name
    inner join components on component_events.component = components.component
    where components.known_by = 'anyone'
    group by components.component
),

first_known as (
    -- a window is known once data reach back over all of it
    select
        components.component,
        events_of_payers.account_id,
        min(
            greatest(
                events_of_payers.known_date,
                {{ add_days(
                    'events_of_payers.activity_date',
                    "components.window_days * (case when components.denominator = 'previous' then 2 else 1 end) - 1"
                ) }}
            )
        ) as known_date
    from events_of_payers
    inner join components on events_of_payers.component = components.component
    where components.known_by = 'account'
    group by
        components.component,
        events_of_payers.account_id

    union all

    select
        first_known_anywhere.component,
        paying_accounts.account_id,
        first_known_anywhere.known_date
    from first_known_anywhere
    cross join paying_accounts

    union all

    select
        components.component,
        champions.account_id,
        min(champions.month) as known_date
    from champions
    cross join components
    where components.known_by = 'champion'
    group by
        components.component,
        champions.account_id

    union all

    select
        components.component,
        paying_accounts.account_id,
        paying_accounts.first_paid_date as known_date
    from paying_accounts
    cross join components
    where components.known_by = 'billing'
),

changes as (
    select
        component,
        account_id,
        from_date as on_date,
        case when operand = 'numerator' then count_units else 0 end as numerator_change,
        case when operand = 'denominator' then count_units else 0 end as denominator_change,
        0 as known_change
    from units_counted
    union all
    select
        component,
        account_id,
        to_date as on_date,
        case when operand = 'numerator' then -count_units else 0 end as numerator_change,
        case when operand = 'denominator' then -count_units else 0 end as denominator_change,
        0 as known_change
    from units_counted
    union all
    select
        component,
        account_id,
        known_date as on_date,
        0 as numerator_change,
        0 as denominator_change,
        1 as known_change
    from first_known
    union all
    -- every component has a row from the first paid day on, measured or not
    select
        components.component,
        paying_accounts.account_id,
        paying_accounts.first_paid_date as on_date,
        0 as numerator_change,
        0 as denominator_change,
        0 as known_change
    from paying_accounts
    cross join components
),

final as (
    select
        account_id,
        component,
        on_date,
        cast(sum(numerator_change) as bigint) as numerator_change,
        cast(sum(denominator_change) as bigint) as denominator_change,
        cast(sum(known_change) as bigint) as known_change
    from changes
    group by
        account_id,
        component,
        on_date
)

select * from final
