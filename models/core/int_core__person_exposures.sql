with

exposures as (
    select * from {{ ref('stg_events__exposures') }}
),

user_people as (
    select * from {{ ref('int_identity__user_people') }}
),

devices as (
    select * from {{ ref('int_identity__devices') }}
),

device_spans as (
    select * from {{ ref('int_identity__device_spans') }}
),

primary_accounts as (
    select * from {{ ref('bridge_account_people') }}
    where is_primary
),

exposures_bound as (
    select
        exposures.message_id,
        exposures.experiment_key,
        exposures.variant,
        exposures.group_id,
        exposures.exposed_at,
        coalesce(user_people.person_id, device_spans.person_id, devices.person_id) as person_id
    from exposures
    left join user_people on exposures.user_id = user_people.user_id
    left join devices on exposures.anonymous_id = devices.anonymous_id
    left join device_spans
        on
            exposures.anonymous_id = device_spans.anonymous_id
            and exposures.exposed_at >= device_spans.valid_from
            and exposures.exposed_at < device_spans.valid_to
),

final as (
    -- the account named on the exposure, else the person's own
    select
        exposures_bound.message_id,
        exposures_bound.experiment_key,
        exposures_bound.variant,
        exposures_bound.person_id,
        coalesce(exposures_bound.group_id, primary_accounts.account_id) as account_id,
        exposures_bound.exposed_at
    from exposures_bound
    left join primary_accounts on exposures_bound.person_id = primary_accounts.person_id
)

select * from final
