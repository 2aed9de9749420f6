-- A setting the proof asks for and the seed does not have, or has twice, or that makes no sense.
with

settings as (
    select * from {{ ref('pql_proof_settings') }}
),

windows as (
    select * from {{ ref('pql_criteria_windows') }}
),

asked as (
    {% for setting in [
        'first_landmark_day', 'landmark_every_days', 'conversion_window_days', 'threshold_step_points',
        'held_out_share', 'bootstrap_rounds', 'confidence_level', 'family_error_rate', 'min_group_size',
        'four_fifths_ratio', 'min_conversions', 'min_lift', 'calibration_error_max', 'criteria_conversions',
        'criteria_presence', 'criteria_controls', 'criteria_signup_days', 'criteria_min_lift',
        'drift_reference_months', 'psi_watch', 'psi_act', 'missing_rate_change', 'challenger_min_conversions',
        'shadow_days', 'capacity_weeks'
    ] %}
    select '{{ setting }}' as setting
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

values_counted as (
    select
        asked.setting,
        count(settings.value) as count_values,
        min(settings.value) as smallest
    from asked
    left join settings on asked.setting = settings.setting
    group by asked.setting
)

select setting
from values_counted
where count_values <> 1 or (smallest <= 0 and setting <> 'first_landmark_day') or smallest < 0
union all
select window_key as setting
from windows
where to_days < 1 or from_days < to_days
