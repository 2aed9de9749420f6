with

people as (
    select * from {{ ref('dim_people') }}
    where signed_up_at is not null
),

transitions as (
    select * from {{ ref('fct_transitions') }}
    where
        model_key = '{{ var("funnel_pql_model", "rubric_150") }}'
        and to_tier in ('{{ var("funnel_pql_tiers", ["hot", "warm"]) | join("', '") }}')
),

mrr_movements as (
    select * from {{ ref('fct_mrr_movements') }}
    where movement_type = 'new'
),

item_periods as (
    select * from {{ ref('fct_subscription_item_periods') }}
    where counts_as_mrr
),

campaign_responses as (
    select * from {{ ref('fct_campaign_responses') }}
),

as_of as (
    select * from {{ ref('dim_as_of') }}
),

first_qualified as (
    select
        account_id,
        min(transitioned_at) as qualified_at
    from transitions
    group by account_id
),

first_revenue as (
    -- new is the first revenue there ever was; two subscriptions bought together may be two days
    select
        account_id,
        min(movement_date) as paid_date,
        sum(amount) as first_mrr
    from mrr_movements
    group by account_id
),

first_payments as (
    -- the moment the first paid item began; of a contract only the day is known
    select
        first_revenue.account_id,
        first_revenue.paid_date,
        first_revenue.first_mrr,
        min(item_periods.valid_from) as paid_at
    from first_revenue
    left join item_periods
        on
            first_revenue.account_id = item_periods.account_id
            and first_revenue.paid_date = cast(item_periods.valid_from as date)
    group by 1, 2, 3
),

first_responses as (
    -- a lead is qualified once, by the first response of the person under whichever record
    select
        person_id,
        case when person_id is null then crm || ' ' || coalesce(crm_record_id, campaign_member_id) end as crm_record,
        min(account_id) as account_id,
        min(responded_date) as responded_date
    from campaign_responses
    group by 1, 2
),

conversions as (
    select
        'signup' as conversion_type,
        'person' as entity_type,
        person_id as entity_id,
        person_id,
        primary_account_id as account_id,
        cast(null as decimal(18, 2)) as value,
        signed_up_at as converted_at
    from people

    union all

    select
        'mql' as conversion_type,
        case when person_id is null then 'crm_record' else 'person' end as entity_type,
        coalesce(person_id, crm_record) as entity_id,
        person_id,
        account_id,
        cast(null as decimal(18, 2)) as value,
        {{ end_of_day('responded_date') }} as converted_at
    from first_responses

    union all

    select
        'pql' as conversion_type,
        'account' as entity_type,
        account_id as entity_id,
        cast(null as varchar) as person_id,
        account_id,
        cast(null as decimal(18, 2)) as value,
        qualified_at as converted_at
    from first_qualified

    union all

    select
        'first_payment' as conversion_type,
        'account' as entity_type,
        account_id as entity_id,
        cast(null as varchar) as person_id,
        account_id,
        cast(first_mrr as decimal(18, 2)) as value,
        coalesce(paid_at, {{ end_of_day('paid_date') }}) as converted_at
    from first_payments
),

qualified_by_marketing as (
    select
        account_id,
        min(converted_at) as qualified_at
    from conversions
    where conversion_type = 'mql' and account_id is not null
    group by account_id
),

qualified_by_product as (
    select
        account_id,
        min(converted_at) as qualified_at
    from conversions
    where conversion_type = 'pql'
    group by account_id
),

funnels_told as (
    -- a payment belongs to each funnel that had qualified the account by the end of that day; a
    -- lead to its own, and may have a sister in the other
    select
        conversions.*,
        case conversions.conversion_type
            when 'mql' then true
            when 'first_payment'
                then coalesce(
                    cast(qualified_by_marketing.qualified_at as date) <= cast(conversions.converted_at as date), false
                )
            else false
        end as is_in_marketing_funnel,
        case conversions.conversion_type
            when 'mql' then false
            when 'first_payment'
                then coalesce(
                    cast(qualified_by_product.qualified_at as date) <= cast(conversions.converted_at as date), false
                )
            else true
        end as is_in_product_funnel,
        qualified_by_marketing.account_id is not null and qualified_by_product.account_id is not null
            as is_account_in_both
    from conversions
    left join qualified_by_marketing on conversions.account_id = qualified_by_marketing.account_id
    left join qualified_by_product on conversions.account_id = qualified_by_product.account_id
),

final as (
    select
        -- keys
        funnels_told.conversion_type || ' ' || funnels_told.entity_id as conversion_id,
        -- attributes
        funnels_told.conversion_type,
        funnels_told.entity_type,
        funnels_told.entity_id,
        funnels_told.person_id,
        funnels_told.account_id,
        funnels_told.is_in_marketing_funnel,
        funnels_told.is_in_product_funnel,
        case funnels_told.conversion_type
            when 'first_payment' then funnels_told.is_in_marketing_funnel and funnels_told.is_in_product_funnel
            else funnels_told.is_account_in_both
        end as is_in_both_funnels,
        -- measures
        funnels_told.value,
        -- times
        funnels_told.converted_at
    from funnels_told
    cross join as_of
    -- a day under way ends later than now
    where cast(funnels_told.converted_at as date) <= as_of.as_of_date
)

select * from final
