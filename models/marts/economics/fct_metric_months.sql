with

months as (
    select * from {{ ref('int_economics__months') }}
),

people as (
    select * from {{ ref('dim_people') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

person_milestones as (
    select * from {{ ref('fct_person_milestones') }}
    where milestone = 'activation'
),

account_milestones as (
    select * from {{ ref('fct_account_milestones') }}
    where milestone = 'activation'
),

invites as (
    select * from {{ ref('fct_invites') }}
    where is_converted
),

credits as (
    -- under any one model every conversion counts once
    select * from {{ ref('fct_credits') }}
    where model = '{{ var("economics_attribution_model") }}'
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
    where movement_type = 'new'
),

mrr_months as (
    select * from {{ ref('fct_mrr_months') }}
),

retention_totals as (
    select * from {{ ref('fct_retention_totals') }}
    where window_months = 12
),

sourcing as (
    select * from {{ ref('fct_account_sourcing') }}
),

unit_economics as (
    select * from {{ ref('rpt_unit_economics') }}
    where channel = 'all'
),

growth_efficiency as (
    select * from {{ ref('rpt_growth_efficiency') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

first_payments as (
    select
        account_id,
        min(movement_date) as paid_date,
        sum(amount) as first_mrr
    from mrr_movements
    group by account_id
),

people_by_month as (
    select
        {{ month_start('people.signed_up_at') }} as month,
        cast(count(*) as double) as signups,
        cast(
            count(
                case
                    when
                        person_milestones.reached_at
                        < {{ add_hours('people.signed_up_at', 24 * var('activation_window_days')) }}
                        then 1
                end
            ) as double
        ) as activated
    from people
    left join person_milestones on people.person_id = person_milestones.person_id
    where people.signed_up_at is not null
    group by 1
),

accounts_by_month as (
    select
        {{ month_start('accounts.signed_up_at') }} as month,
        cast(count(*) as double) as signups,
        cast(count(account_milestones.account_id) as double) as activated,
        cast(
            count(
                case
                    when
                        first_payments.paid_date
                        <= {{ add_days('cast(accounts.signed_up_at as date)', var('free_to_paid_days', 90)) }}
                        then 1
                end
            ) as double
        ) as paying
    from accounts
    left join account_milestones on accounts.account_id = account_milestones.account_id
    left join first_payments on accounts.account_id = first_payments.account_id
    -- who paid before signing up was never free
    where
        accounts.signed_up_at is not null
        and (
            first_payments.paid_date is null
            or first_payments.paid_date >= cast(accounts.signed_up_at as date)
        )
    group by 1
),

invites_by_month as (
    select
        {{ month_start('people.signed_up_at') }} as month,
        cast(count(*) as double) as invited_users
    from invites
    inner join people
        on
            invites.inviter_person_id = people.person_id
            and invites.sent_at >= people.signed_up_at
            and invites.sent_at < {{ add_hours('people.signed_up_at', 24 * var('invite_sending_days')) }}
    group by 1
),

leads_by_month as (
    select
        {{ month_start('converted_at') }} as month,
        cast(sum(case when conversion_type = 'mql' then credit else 0 end) as double) as mqls,
        cast(sum(case when conversion_type = 'pql' then credit else 0 end) as double) as pqls
    from credits
    group by 1
),

bookings_by_month as (
    select
        {{ month_start('first_payments.paid_date') }} as month,
        cast(count(*) as double) as new_customers,
        cast(sum(first_payments.first_mrr) as double) as new_mrr,
        cast(sum(case when sourcing.is_plg_sourced then first_payments.first_mrr else 0 end) as double) as plg_mrr,
        cast(count(case when sourcing.is_plg_sourced then 1 end) as double) as plg_customers
    from first_payments
    left join sourcing on first_payments.account_id = sourcing.account_id
    group by 1
),

logos_by_month as (
    select
        month,
        cast(count(case when opening_mrr > 0 then 1 end) as double) as customers_at_start,
        cast(count(case when opening_mrr > 0 and closing_mrr <= 0 then 1 end) as double) as customers_lost,
        cast(count(case when closing_mrr > 0 then 1 end) as double) as customers_at_end,
        cast(sum(closing_mrr) as double) as mrr
    from mrr_months
    group by month
),

measured as (
    select
        months.month,
        months.next_month,
        months.is_complete,
        coalesce(people_by_month.signups, 0) as signups,
        people_by_month.activated / people_by_month.signups as activation_rate,
        coalesce(accounts_by_month.signups, 0) as account_signups,
        accounts_by_month.activated / accounts_by_month.signups as account_activation_rate,
        accounts_by_month.paying / accounts_by_month.signups as free_to_paid_rate,
        case
            when people_by_month.signups > 0
                then coalesce(invites_by_month.invited_users, 0) / people_by_month.signups
        end as k_factor,
        coalesce(leads_by_month.mqls, 0) as mqls,
        coalesce(leads_by_month.pqls, 0) as pqls,
        coalesce(bookings_by_month.new_customers, 0) as new_customers,
        coalesce(bookings_by_month.new_mrr, 0) as new_mrr,
        12 * coalesce(bookings_by_month.new_mrr, 0) as bookings,
        coalesce(bookings_by_month.plg_customers, 0) as plg_customers,
        12 * coalesce(bookings_by_month.plg_mrr, 0) as plg_bookings,
        coalesce(logos_by_month.customers_at_end, 0) as customers,
        coalesce(logos_by_month.mrr, 0) as mrr,
        12 * coalesce(logos_by_month.mrr, 0) as arr,
        case
            when logos_by_month.customers_at_start > 0
                then logos_by_month.customers_lost / logos_by_month.customers_at_start
        end as logo_churn_rate,
        retention_totals.nrr,
        retention_totals.grr,
        cast(unit_economics.cac as double) as cac,
        unit_economics.ltv_to_cac,
        unit_economics.payback_months,
        growth_efficiency.blended_cac_ratio,
        growth_efficiency.rule_of_40,
        growth_efficiency.magic_number
    from months
    left join people_by_month on months.month = people_by_month.month
    left join accounts_by_month on months.month = accounts_by_month.month
    left join invites_by_month on months.month = invites_by_month.month
    left join leads_by_month on months.month = leads_by_month.month
    left join bookings_by_month on months.month = bookings_by_month.month
    left join logos_by_month on months.month = logos_by_month.month
    left join retention_totals on months.month = retention_totals.month
    left join unit_economics on months.month = unit_economics.month
    left join growth_efficiency on months.month = growth_efficiency.month
),

long as (
    -- of each measure how many days after the month the last in it have had their time
    {% for measure, days_to_wait in [
        ('signups', 0),
        ('activation_rate', var('activation_window_days')),
        ('account_signups', 0),
        ('account_activation_rate', var('activation_horizon_days')),
        ('free_to_paid_rate', var('free_to_paid_days', 90)),
        ('k_factor', var('invite_sending_days') + var('invite_window_days')),
        ('mqls', 0),
        ('pqls', 0),
        ('new_customers', 0),
        ('new_mrr', 0),
        ('bookings', 0),
        ('plg_customers', 0),
        ('plg_bookings', 0),
        ('customers', 0),
        ('mrr', 0),
        ('arr', 0),
        ('logo_churn_rate', 0),
        ('nrr', 0),
        ('grr', 0),
        ('cac', 0),
        ('ltv_to_cac', 0),
        ('payback_months', 0),
        ('blended_cac_ratio', 0),
        ('rule_of_40', 0),
        ('magic_number', 0),
    ] %}
    select
        month,
        next_month,
        '{{ measure }}' as measure,
        cast({{ measure }} as double) as value,
        {{ days_to_wait }} as days_to_wait
    from measured
    {{ "union all" if not loop.last }}
    {% endfor %}
),

final as (
    select
        long.month,
        long.measure,
        long.value,
        {{ add_days('long.next_month', 'long.days_to_wait') }} <= as_of.as_of_at as is_mature
    from long
    cross join as_of
)

select * from final
