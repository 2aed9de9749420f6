-- A first payment lies in one window of each model: the one of the landmark day before it. Who never
-- paid has none.
with

landmarks as (
    select * from {{ ref('int_pql__landmarks') }}
),

accounts as (
    select * from {{ ref('int_pql__proof_accounts') }}
),

settings as (
    {{ pql_proof_settings(['landmark_every_days']) }}
),

observed as (
    select
        model_key,
        account_id,
        sum(case when is_converted then 1 else 0 end) as conversions,
        max(landmark_date) as last_landmark_date
    from landmarks
    group by model_key, account_id
)

select
    observed.model_key,
    observed.account_id,
    observed.conversions,
    observed.last_landmark_date,
    accounts.first_paid_date
from observed
cross join settings
inner join accounts on observed.account_id = accounts.account_id
where
    observed.conversions <> case
        when accounts.first_paid_date is null then 0
        when {{ days_between('observed.last_landmark_date', 'accounts.first_paid_date') }} <= settings.landmark_every_days then 1
        else 0
    end
    or observed.last_landmark_date >= accounts.first_paid_date
