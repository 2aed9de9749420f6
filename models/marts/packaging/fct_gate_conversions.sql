with

gate_encounters as (
    select * from {{ ref('fct_gate_encounters') }}
    where account_id is not null
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

encounter_days as (
    select
        gate_encounters.account_id,
        gate_encounters.event_name,
        gate_encounters.gate,
        cast(gate_encounters.met_at as date) as met_date,
        count(*) as count_encounters,
        min(gate_encounters.met_at) as first_met_at
    from gate_encounters
    cross join as_of
    where gate_encounters.met_at < as_of.as_of_at
    group by 1, 2, 3, 4
),

gates_met as (
    select
        account_id,
        event_name,
        gate,
        sum(count_encounters) as count_encounters,
        min(first_met_at) as first_met_at,
        min(met_date) as first_met_date,
        max(met_date) as last_met_date
    from encounter_days
    group by 1, 2, 3
),

upgrades as (
    -- to pay at all, to pay again, or for a larger plan or something more of it
    select
        account_id,
        movement_date as upgraded_date,
        sum(amount) as mrr
    from mrr_movements
    where
        movement_type in ('new', 'reactivation')
        or (movement_type = 'expansion' and cause in ('tier', 'addon', 'usage'))
    group by 1, 2
),

upgrades_after_gates as (
    -- revenue is dated to the day: an upgrade of the same day followed
    select
        encounter_days.account_id,
        encounter_days.event_name,
        encounter_days.gate,
        upgrades.upgraded_date,
        upgrades.mrr
    from encounter_days
    inner join upgrades
        on
            encounter_days.account_id = upgrades.account_id
            and encounter_days.met_date <= upgrades.upgraded_date
            and {{ add_days('encounter_days.met_date', var('gate_upgrade_days')) }} >= upgrades.upgraded_date
    qualify row_number() over (
        partition by encounter_days.account_id, encounter_days.event_name, encounter_days.gate
        order by upgrades.upgraded_date, encounter_days.met_date
    ) = 1
),

final as (
    select
        -- keys
        gates_met.account_id,
        gates_met.event_name,
        gates_met.gate,
        -- attributes
        coalesce(
            upgrades_after_gates.upgraded_date
            <= {{ add_days('gates_met.first_met_date', var('gate_upgrade_days')) }}, false
        ) as is_converted,
        upgrades_after_gates.account_id is not null as is_converted_after_any,
        -- measures
        cast(gates_met.count_encounters as bigint) as count_encounters,
        cast(coalesce(upgrades_after_gates.mrr, 0) as decimal(18, 2)) as upgrade_mrr,
        {{ days_between('gates_met.first_met_at', 'upgrades_after_gates.upgraded_date') }} as days_to_upgrade,
        -- times
        {{ month_start('gates_met.first_met_at') }} as first_met_month,
        gates_met.first_met_at,
        gates_met.last_met_date,
        upgrades_after_gates.upgraded_date
    from gates_met
    left join upgrades_after_gates
        on
            gates_met.account_id = upgrades_after_gates.account_id
            and gates_met.event_name = upgrades_after_gates.event_name
            and gates_met.gate = upgrades_after_gates.gate
)

select * from final
