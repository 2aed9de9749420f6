with

models as (
    select * from {{ ref('pql_models') }}
    where status = 'live' and level = 'account'
),

tiers as (
    select * from {{ ref('pql_tiers') }}
    where sla_minutes is not null
),

rules as (
    select * from {{ ref('handoff_rules') }}
),

final as (
    select
        tiers.model_key,
        tiers.tier,
        tiers.sla_minutes,
        rules.expires_after_days,
        rules.quiet_after_days,
        rules.cool_down_days
    from tiers
    inner join models on tiers.model_key = models.model_key
    inner join rules
        on
            (tiers.model_key = rules.model_key or rules.model_key = '*')
            and (tiers.tier = rules.tier or rules.tier = '*')
    qualify
        row_number() over (
            partition by tiers.model_key, tiers.tier
            order by
                case when rules.model_key = '*' then 1 else 0 end,
                case when rules.tier = '*' then 1 else 0 end
        ) = 1
)

select * from final
