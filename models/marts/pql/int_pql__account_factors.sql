with

models as (
    select * from {{ ref('int_pql__models') }}
),

profiles as (
    select * from {{ ref('int_pql__account_profiles') }}
),

potentials as (
    select
        *,
        lead(min_employees) over (partition by model_key order by min_employees) as below_employees
    from {{ ref('pql_potentials') }}
),

profiles_measured as (
    select
        models.model_key,
        profiles.account_id,
        profiles.valid_from,
        profiles.valid_to,
        profiles.count_people,
        -- a company of unknown size counts as one of low potential
        coalesce(potentials.multiplier, 1) as multiplier,
        log10(profiles.count_people + 1) as size_factor
    from models
    cross join profiles
    left join potentials
        on
            models.model_key = potentials.model_key
            and profiles.employees >= potentials.min_employees
            and (profiles.employees < potentials.below_employees or potentials.below_employees is null)
    where models.method = 'normalised'
),

final as (
    select
        model_key,
        account_id,
        valid_from,
        valid_to,
        cast(count_people as bigint) as count_people,
        cast(multiplier as decimal(5, 3)) as multiplier,
        -- log10(1 + 1) = 0.301 would treble the score of an account of one
        cast(greatest(size_factor, 1) as decimal(9, 6)) as size_factor,
        cast(multiplier / greatest(size_factor, 1) as decimal(12, 9)) as factor,
        cast(case when count_people > 0 then multiplier / size_factor end as decimal(12, 9)) as raw_factor
    from profiles_measured
)

select * from final
