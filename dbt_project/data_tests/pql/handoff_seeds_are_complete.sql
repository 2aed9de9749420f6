-- A rule for everybody stands at the end of each rule table, and calendars that are named exist.
select 'handoff_zones: no last rule for an unknown size' as problem
where
    not exists (
        select 1 from {{ ref('handoff_zones') }}
        where
            coalesce(is_size_unknown, true)
            and min_employees is null
            and max_employees is null
            and min_people is null
            and has_domain is null
            and event_name is null
    )
union all
select 'handoff_territories: no last rule without a condition' as problem
where
    not exists (
        select 1 from {{ ref('handoff_territories') }}
        where region is null and country is null and segment is null and industry is null and tier is null
    )
union all
select 'handoff_rules: no row for every model and tier' as problem
where
    not exists (
        select 1 from {{ ref('handoff_rules') }}
        where model_key = '*' and tier = '*'
    )
union all
select concat('calendar not in sla_calendars: ', named.calendar_key) as problem
from (
    select calendar_key from {{ ref('sales_teams') }}
    union
    select calendar_key from {{ ref('sales_people') }}
) as named
left join {{ ref('sla_calendars') }} as calendars on named.calendar_key = calendars.calendar_key
where named.calendar_key is not null and calendars.calendar_key is null
union all
select concat('holiday region without a day in sla_holidays: ', named.holiday_region) as problem
from (
    select holiday_region from {{ ref('sales_teams') }}
    union
    select holiday_region from {{ ref('sales_people') }}
) as named
left join {{ ref('sla_holidays') }} as holidays on named.holiday_region = holidays.holiday_region
where named.holiday_region is not null and holidays.holiday_region is null
union all
select concat('zone rule names an event nobody registered: ', zones.event_name) as problem
from {{ ref('handoff_zones') }} as zones
left join {{ ref('event_registry') }} as registry on zones.event_name = registry.event_name
where zones.event_name is not null and registry.event_name is null
