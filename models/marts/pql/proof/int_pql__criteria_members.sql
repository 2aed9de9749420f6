with

accounts as (
    select * from {{ ref('int_pql__proof_accounts') }}
),

account_days as (
    select * from {{ ref('fct_account_days') }}
),

event_registry as (
    select * from {{ ref('event_registry') }}
),

windows as (
    select * from {{ ref('pql_criteria_windows') }}
),

settings as (
    {{ pql_proof_settings([
        'criteria_conversions', 'criteria_controls', 'criteria_signup_days', 'conversion_window_days'
    ]) }}
),

longest_windows as (
    select max(from_days) as from_days
    from windows
),

conversions_in_order as (
    select
        account_id,
        signed_up_date,
        first_paid_date,
        row_number() over (order by first_paid_date desc, account_id asc) as place
    from accounts
    where first_paid_date > signed_up_date
),

conversions as (
    select
        conversions_in_order.account_id,
        conversions_in_order.signed_up_date,
        conversions_in_order.first_paid_date
    from conversions_in_order
    cross join settings
    where conversions_in_order.place <= settings.criteria_conversions
),

comparable_accounts as (
    -- at risk on the same day at about the same age, and not paying soon after either
    select
        conversions.account_id as conversion_account_id,
        accounts.account_id,
        conversions.first_paid_date as reference_date,
        accounts.account_id = conversions.account_id as is_conversion,
        abs({{ days_between('conversions.signed_up_date', 'accounts.signed_up_date') }}) as days_apart
    from conversions
    cross join settings
    inner join accounts
        on
            accounts.signed_up_date >= {{ add_days('conversions.signed_up_date', '-settings.criteria_signup_days') }}
            and accounts.signed_up_date <= {{ add_days('conversions.signed_up_date', 'settings.criteria_signup_days') }}
            and conversions.first_paid_date > accounts.signed_up_date
            and (
                conversions.account_id = accounts.account_id
                or accounts.first_paid_date is null
                or accounts.first_paid_date
                > {{ add_days('conversions.first_paid_date', 'settings.conversion_window_days') }}
            )
),

days_active as (
    select distinct
        account_days.account_id,
        account_days.activity_date
    from account_days
    inner join event_registry on account_days.event_name = event_registry.event_name
    where event_registry.is_product_activity
),

activity_before as (
    select
        comparable_accounts.conversion_account_id,
        comparable_accounts.account_id,
        count(*) as active_days
    from comparable_accounts
    cross join longest_windows
    inner join days_active
        on
            comparable_accounts.account_id = days_active.account_id
            and comparable_accounts.reference_date > days_active.activity_date
            and days_active.activity_date
            >= {{ add_days('comparable_accounts.reference_date', '-longest_windows.from_days') }}
    group by 1, 2
),

accounts_with_activity as (
    -- classes of days active that double: 0, 1, 2-3, 4-7, 8 and more
    select
        comparable_accounts.conversion_account_id,
        comparable_accounts.account_id,
        comparable_accounts.reference_date,
        comparable_accounts.is_conversion,
        comparable_accounts.days_apart,
        coalesce(activity_before.active_days, 0) as active_days,
        case
            when activity_before.active_days >= 8 then 4
            when activity_before.active_days >= 4 then 3
            when activity_before.active_days >= 2 then 2
            when activity_before.active_days = 1 then 1
            else 0
        end as activity_class
    from comparable_accounts
    left join activity_before
        on
            comparable_accounts.conversion_account_id = activity_before.conversion_account_id
            and comparable_accounts.account_id = activity_before.account_id
),

controls_in_order as (
    -- the nearest in age; of equals neither the first nor the last in any order that means something
    select
        candidates.conversion_account_id,
        candidates.account_id,
        candidates.reference_date,
        candidates.active_days,
        row_number() over (
            partition by candidates.conversion_account_id
            order by
                candidates.days_apart asc,
                md5(concat(candidates.conversion_account_id, candidates.account_id)) asc
        ) as place
    from accounts_with_activity as candidates
    inner join accounts_with_activity as converted
        on
            candidates.conversion_account_id = converted.conversion_account_id
            and candidates.activity_class = converted.activity_class
    where converted.is_conversion and not candidates.is_conversion
),

final as (
    select
        conversion_account_id,
        account_id,
        true as is_conversion,
        reference_date,
        active_days
    from accounts_with_activity
    where is_conversion
    union all
    select
        controls_in_order.conversion_account_id,
        controls_in_order.account_id,
        false as is_conversion,
        controls_in_order.reference_date,
        controls_in_order.active_days
    from controls_in_order
    cross join settings
    where controls_in_order.place <= settings.criteria_controls
)

select * from final
