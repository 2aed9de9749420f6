with

fct_stages as (
    select * from {{ ref('fct_stages') }}
),

dim_people as (
    select * from {{ ref('dim_people') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

cohorts as (
    select
        entity_type,
        entity_id,
        {{ month_start('min(reached_at)') }} as cohort_month
    from fct_stages
    group by entity_type, entity_id
),

-- the person seen first stands for how an account was found
founders as (
    select
        account_id,
        first_channel
    from (
        select
            primary_account_id as account_id,
            first_channel,
            row_number() over (
                partition by primary_account_id order by first_seen_at, person_id
            ) as place
        from dim_people
        where primary_account_id is not null
    ) as people_in_order
    where place = 1
),

attributes as (
    select
        'person' as entity_type,
        dim_people.person_id as entity_id,
        dim_people.first_channel,
        dim_accounts.segment,
        dim_accounts.entry_model,
        dim_accounts.motion,
        dim_accounts.country
    from dim_people
    left join dim_accounts
        on dim_people.primary_account_id = dim_accounts.account_id
    union all
    select
        'account' as entity_type,
        dim_accounts.account_id as entity_id,
        founders.first_channel,
        dim_accounts.segment,
        dim_accounts.entry_model,
        dim_accounts.motion,
        dim_accounts.country
    from dim_accounts
    left join founders
        on dim_accounts.account_id = founders.account_id
),

cohorts_described as (
    select
        cohorts.entity_type,
        cohorts.entity_id,
        cohorts.cohort_month,
        attributes.first_channel,
        attributes.segment,
        attributes.entry_model,
        attributes.motion,
        attributes.country
    from cohorts
    left join attributes
        on
            cohorts.entity_type = attributes.entity_type
            and cohorts.entity_id = attributes.entity_id
),

final as (
    select
        entity_type,
        entity_id,
        cohort_month,
        'all' as dimension,
        'all' as dimension_value
    from cohorts_described
    {% for dimension in ['segment', 'first_channel', 'entry_model', 'motion', 'country'] %}
    union all
    select
        entity_type,
        entity_id,
        cohort_month,
        '{{ dimension }}' as dimension,
        coalesce({{ dimension }}, 'unknown') as dimension_value
    from cohorts_described
    {% endfor %}
)

select * from final
