with

signals as (
    select * from {{ ref('expansion_signals') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

account_days as (
    select * from {{ ref('fct_account_days') }}
),

people_joined as (
    select * from {{ ref('int_core__account_people_joined') }}
),

account_people as (
    select * from {{ ref('bridge_account_people') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

personas as (
    select * from {{ ref('funnel_personas') }}
),

paying_spans as (
    select * from {{ ref('int_pql__paying_spans') }}
),

team_days as (
    select * from {{ ref('fct_team_days') }}
),

quota_usage as (
    select * from {{ ref('fct_quota_usage') }}
),

payers as (
    -- who never paid is in no queue: the free ones' usage need not be counted
    select
        account_id,
        min(first_paid_date) as first_paid_date
    from paying_spans
    group by account_id
),

signal_event_names as (
    select
        signal_key,
        {{ split_to_rows('event_names') }} as event_name
    from signals
    where event_names is not null
),

signal_events as (
    select
        signal_event_names.signal_key,
        event_registry.event_name
    from signal_event_names
    inner join event_registry
        on
            signal_event_names.event_name = event_registry.event_name
            or (signal_event_names.event_name = '*' and event_registry.is_product_activity)
),

members as (
    select
        people_joined.account_id,
        people_joined.person_id,
        cast(people_joined.joined_at as date) as joined_date,
        greatest(cast(people_joined.joined_at as date), account_people.known_date) as known_date,
        people.title,
        case when people.is_business_email then people.email_domain end as email_domain,
        payers.first_paid_date
    from people_joined
    inner join payers on people_joined.account_id = payers.account_id
    inner join account_people
        on
            people_joined.account_id = account_people.account_id
            and people_joined.person_id = account_people.person_id
    inner join people on people_joined.person_id = people.person_id
    where people.signed_up_at is not null
),

occurrences as (
    -- known from the day it was received and known whose it was, and not before it happened
    select
        signals.signal_key,
        signals.measure,
        signals.window_days,
        account_days.account_id,
        account_days.activity_date,
        greatest(account_days.activity_date, account_days.known_date) as known_date,
        members.joined_date,
        sum(account_days.count_events) as count_events
    from account_days
    inner join payers on account_days.account_id = payers.account_id
    inner join signal_events on account_days.event_name = signal_events.event_name
    inner join signals on signal_events.signal_key = signals.signal_key
    left join members
        on
            account_days.account_id = members.account_id
            and account_days.person_id = members.person_id
            and signals.measure = 'usage_growth'
    where signals.measure in ('event_count', 'usage_growth')
    group by 1, 2, 3, 4, 5, 6, 7
),

departments as (
    select
        members.account_id,
        members.person_id,
        members.joined_date,
        members.known_date,
        members.first_paid_date,
        personas.persona,
        personas.priority,
        {{ split_to_rows('personas.title_contains') }} as word,
        lower(members.title) as title
    from members
    cross join personas
    where members.title is not null
),

departments_of_people as (
    select *
    from departments
    where title like '%' || word || '%'
    qualify row_number() over (partition by account_id, person_id order by priority, word) = 1
),

arrivals as (
    -- whoever and whatever came after the account began to pay
    select
        'new_people' as measure,
        account_id,
        joined_date as arrived_date,
        known_date
    from members
    where joined_date > first_paid_date
    union all
    select
        'new_departments' as measure,
        account_id,
        min(joined_date) as arrived_date,
        min(known_date) as known_date
    from departments_of_people
    group by account_id, persona
    having min(joined_date) > min(first_paid_date)
    union all
    select
        'new_domains' as measure,
        account_id,
        min(joined_date) as arrived_date,
        min(known_date) as known_date
    from members
    where email_domain is not null
    group by account_id, email_domain
    having min(joined_date) > min(first_paid_date)
),

stays as (
    -- from when to when something lies in the window, or in the one before it
    select
        signal_key,
        account_id,
        known_date as from_date,
        {{ add_days('activity_date', 'window_days') }} as to_date,
        count_events as count_now,
        0 as count_before
    from occurrences
    where measure = 'event_count'
    union all
    -- growth is that of people who were there before the window
    select
        signal_key,
        account_id,
        greatest(known_date, {{ add_days('joined_date', 'window_days') }}) as from_date,
        {{ add_days('activity_date', 'window_days') }} as to_date,
        count_events as count_now,
        0 as count_before
    from occurrences
    where measure = 'usage_growth' and joined_date is not null
    union all
    select
        signal_key,
        account_id,
        greatest(known_date, {{ add_days('activity_date', 'window_days') }}) as from_date,
        {{ add_days('activity_date', '2 * window_days') }} as to_date,
        0 as count_now,
        count_events as count_before
    from occurrences
    where measure = 'usage_growth' and joined_date is not null
    union all
    select
        signals.signal_key,
        arrivals.account_id,
        arrivals.known_date as from_date,
        {{ add_days('arrivals.arrived_date', 'signals.window_days') }} as to_date,
        1 as count_now,
        0 as count_before
    from arrivals
    inner join signals on arrivals.measure = signals.measure
),

changes as (
    select
        signal_key,
        account_id,
        from_date as change_date,
        count_now,
        count_before,
        case when count_now > 0 then from_date end as seen_date
    from stays
    where from_date < to_date
    union all
    select
        signal_key,
        account_id,
        to_date as change_date,
        -count_now as count_now,
        -count_before as count_before,
        cast(null as date) as seen_date
    from stays
    where from_date < to_date
),

changes_by_date as (
    select
        signal_key,
        account_id,
        change_date,
        sum(count_now) as count_now,
        sum(count_before) as count_before,
        max(seen_date) as seen_date
    from changes
    group by 1, 2, 3
),

counts as (
    select
        signal_key,
        account_id,
        change_date as from_date,
        lead(change_date) over (partition by signal_key, account_id order by change_date) as to_date,
        sum(count_now) over (
            partition by signal_key, account_id
            order by change_date
            rows between unbounded preceding and current row
        ) as value_now,
        sum(count_before) over (
            partition by signal_key, account_id
            order by change_date
            rows between unbounded preceding and current row
        ) as value_before,
        max(seen_date) over (
            partition by signal_key, account_id
            order by change_date
            rows between unbounded preceding and current row
        ) as last_seen_date
    from changes_by_date
),

quota_days as (
    select
        account_id,
        usage_date,
        greatest(usage_date, known_date) as known_date,
        max(quota_share) as quota_share
    from quota_usage
    group by 1, 2, 3
),

quota_known as (
    -- of reports that became known on one day the one of the latest day holds, until a later one is known
    select
        account_id,
        usage_date,
        known_date,
        quota_share
    from quota_days
    qualify
        row_number() over (partition by account_id, known_date order by usage_date desc) = 1
        and usage_date >= max(usage_date) over (
            partition by account_id order by known_date rows between unbounded preceding and current row
        )
),

quota_shares as (
    select
        account_id,
        usage_date,
        known_date,
        quota_share,
        lead(known_date) over (partition by account_id order by known_date) as next_known_date
    from quota_known
),

final as (
    select
        signal_key,
        account_id,
        from_date,
        to_date,
        cast(value_now as decimal(18, 4)) as value_now,
        cast(value_before as decimal(18, 4)) as value_before,
        last_seen_date
    from counts
    where to_date is not null and (value_now > 0 or value_before > 0)
    union all
    select
        signals.signal_key,
        team_days.account_id,
        team_days.team_date as from_date,
        team_days.valid_to_date as to_date,
        cast(team_days.seat_share as decimal(18, 4)) as value_now,
        cast(0 as decimal(18, 4)) as value_before,
        team_days.team_date as last_seen_date
    from team_days
    inner join payers on team_days.account_id = payers.account_id
    inner join signals on signals.measure = 'seat_share'
    where team_days.seat_share is not null
    union all
    select
        signals.signal_key,
        quota_shares.account_id,
        quota_shares.known_date as from_date,
        case
            when quota_shares.next_known_date < {{ add_days('quota_shares.usage_date', 'signals.window_days') }}
                then quota_shares.next_known_date
            else {{ add_days('quota_shares.usage_date', 'signals.window_days') }}
        end as to_date,
        quota_shares.quota_share as value_now,
        cast(0 as decimal(18, 4)) as value_before,
        quota_shares.usage_date as last_seen_date
    from quota_shares
    inner join payers on quota_shares.account_id = payers.account_id
    inner join signals on signals.measure = 'quota_share'
    where quota_shares.known_date < {{ add_days('quota_shares.usage_date', 'signals.window_days') }}
)

select * from final
