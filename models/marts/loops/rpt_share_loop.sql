with

shares as (
    select * from {{ ref('fct_shares') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

shares_by_cohort as (
    {% for grain in ['week', 'month'] %}
    select
        '{{ grain }}' as grain,
        {{ week_start('shared_at') if grain == 'week' else month_start('shared_at') }} as cohort_date,
        count(*) as shares,
        count(distinct sharer_person_id) as sharers,
        cast(sum(count_visits) as bigint) as visits,
        cast(sum(count_visitors) as bigint) as visitors,
        cast(sum(count_signups) as bigint) as signups,
        min(case when is_mature then 1 else 0 end) = 1 as is_every_share_mature
    from shares
    group by {{ week_start('shared_at') if grain == 'week' else month_start('shared_at') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        shares_by_cohort.grain,
        shares_by_cohort.cohort_date,

        shares_by_cohort.sharers,
        shares_by_cohort.shares,
        shares_by_cohort.visits,
        shares_by_cohort.visitors,
        shares_by_cohort.signups,

        shares_by_cohort.shares / cast(shares_by_cohort.sharers as double) as shares_per_sharer,
        shares_by_cohort.visitors / cast(shares_by_cohort.shares as double) as visitors_per_share,
        shares_by_cohort.signups / nullif(cast(shares_by_cohort.visitors as double), 0) as visitor_to_signup,
        shares_by_cohort.signups / cast(shares_by_cohort.shares as double) as signups_per_share,
        shares_by_cohort.is_every_share_mature
        and case shares_by_cohort.grain
            when 'week' then {{ add_days('shares_by_cohort.cohort_date', 7) }}
            else {{ month_start(add_days('shares_by_cohort.cohort_date', 31)) }}
        end <= as_of.as_of_date as is_mature
    from shares_by_cohort
    cross join as_of
)

select * from final
