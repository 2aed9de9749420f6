with

opportunities as (
    select * from {{ ref('fct_opportunities') }}
),

qualifications as (
    select * from {{ ref('fct_qualifications') }}
    where is_counted
),

qualification_kinds as (
    select * from {{ ref('qualification_kinds') }}
),

lead_source_kinds as (
    select * from {{ ref('lead_source_kinds') }}
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
),

fx_rates as (
    select * from {{ ref('dim_fx_rates') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

balance_changes as (
    select
        account_id,
        movement_date,
        sum(amount) as amount
    from mrr_movements
    group by account_id, movement_date
),

opportunities_valued as (
    -- the subject is named as in fct_qualifications, so that both meet
    select
        opportunities.crm,
        opportunities.opportunity_id,
        coalesce(
            opportunities.account_id,
            'crm_account:' || opportunities.crm || ':' || opportunities.crm_account_id
        ) as subject_id,
        opportunities.account_id,
        opportunities.owner_id,
        opportunities.deal_type,
        opportunities.is_closed,
        opportunities.is_won,
        opportunities.lead_source,
        case
            when coalesce(opportunities.currency, clock.reporting_currency) = clock.reporting_currency
                then opportunities.amount
            else {{ round_money(at_rate('opportunities.amount', 'fx_rates.rate')) }}
        end as amount,
        opportunities.created_at,
        cast(opportunities.created_at as date) as created_date,
        opportunities.closed_at
    from opportunities
    cross join clock
    left join fx_rates
        on
            {{ month_start('opportunities.created_at') }} = fx_rates.month
            and opportunities.currency = fx_rates.currency
    where opportunities.created_at <= clock.as_of_at
),

balances_before as (
    -- who pays on the day before is a customer already
    select
        opportunities_valued.crm,
        opportunities_valued.opportunity_id,
        sum(balance_changes.amount) as mrr_before
    from opportunities_valued
    inner join balance_changes
        on
            opportunities_valued.account_id = balance_changes.account_id
            and opportunities_valued.created_date > balance_changes.movement_date
    group by 1, 2
),

qualifications_before as (
    -- of some only the day is known: days are compared, and one of the same day led to it
    select
        opportunities_valued.crm,
        opportunities_valued.opportunity_id,
        qualifications.qualification_id,
        qualifications.kind,
        qualifications.model_key,
        qualifications.qualified_date,
        qualifications.qualified_at,
        row_number() over (
            partition by opportunities_valued.crm, opportunities_valued.opportunity_id
            order by
                qualifications.qualified_date,
                qualification_kinds.tie_rank,
                qualifications.qualified_at,
                qualifications.qualification_id
        ) as place
    from opportunities_valued
    inner join qualifications
        on
            opportunities_valued.subject_id = qualifications.subject_id
            and opportunities_valued.created_date >= qualifications.qualified_date
            and opportunities_valued.created_date
            <= {{ add_days('qualifications.qualified_date', var('pipeline_source_days')) }}
    inner join qualification_kinds on qualifications.kind = qualification_kinds.kind
),

kinds_before as (
    select
        crm,
        opportunity_id,
        max(case when kind = 'mql' then 1 else 0 end) = 1 as is_mql_before,
        max(case when kind = 'sql' then 1 else 0 end) = 1 as is_sql_before,
        max(case when kind = 'pql' then 1 else 0 end) = 1 as is_pql_before
    from qualifications_before
    group by 1, 2
),

sources as (
    select * from qualifications_before
    where place = 1
),

crm_sources as (
    select
        opportunities_valued.crm,
        opportunities_valued.opportunity_id,
        lead_source_kinds.kind
    from opportunities_valued
    inner join lead_source_kinds on lower(opportunities_valued.lead_source) like lead_source_kinds.pattern
    qualify
        row_number() over (
            partition by opportunities_valued.crm, opportunities_valued.opportunity_id
            order by lead_source_kinds.rule_number
        ) = 1
),

final as (
    select
        -- keys
        opportunities_valued.crm,
        opportunities_valued.opportunity_id,
        opportunities_valued.subject_id,
        opportunities_valued.account_id,
        opportunities_valued.owner_id,
        sources.qualification_id,
        sources.model_key,
        -- attributes
        coalesce(sources.kind, 'none') as source_kind,
        case
            when opportunities_valued.lead_source is null then 'not_told'
            else coalesce(crm_sources.kind, 'none')
        end as crm_source_kind,
        opportunities_valued.lead_source as crm_lead_source,
        coalesce(kinds_before.is_mql_before, false) as is_mql_before,
        coalesce(kinds_before.is_sql_before, false) as is_sql_before,
        coalesce(kinds_before.is_pql_before, false) as is_pql_before,
        coalesce(balances_before.mrr_before, 0) <= 0
        and opportunities_valued.deal_type not in ('renewal', 'existing_business') as is_new_business,
        opportunities_valued.is_closed,
        opportunities_valued.is_won,
        -- measures
        opportunities_valued.amount,
        {{ days_between('sources.qualified_date', 'opportunities_valued.created_date') }} as days_from_qualification,
        -- times
        {{ month_start('opportunities_valued.created_at') }} as created_month,
        sources.qualified_at,
        opportunities_valued.created_at,
        opportunities_valued.closed_at
    from opportunities_valued
    left join balances_before
        on
            opportunities_valued.crm = balances_before.crm
            and opportunities_valued.opportunity_id = balances_before.opportunity_id
    left join sources
        on
            opportunities_valued.crm = sources.crm
            and opportunities_valued.opportunity_id = sources.opportunity_id
    left join kinds_before
        on
            opportunities_valued.crm = kinds_before.crm
            and opportunities_valued.opportunity_id = kinds_before.opportunity_id
    left join crm_sources
        on
            opportunities_valued.crm = crm_sources.crm
            and opportunities_valued.opportunity_id = crm_sources.opportunity_id
)

select * from final
