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
        {{ person_of_event() }} as person_id
    from exposures
    {{ joins_to_people('exposures', 'exposed_at') }}
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
