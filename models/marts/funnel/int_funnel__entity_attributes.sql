with

dim_people as (
    select * from {{ ref('dim_people') }}
),

dim_accounts as (
    select * from {{ ref('dim_accounts') }}
),

funnel_personas as (
    select * from {{ ref('funnel_personas') }}
),

titles as (
    select distinct
        title,
        ' ' || lower(title) || ' ' as title_words
    from dim_people
    where title is not null
),

persona_words as (
    select
        persona,
        priority,
        {{ split_to_rows('title_contains') }} as words
    from funnel_personas
),

personas_in_order as (
    select
        titles.title,
        persona_words.persona,
        row_number() over (
            partition by titles.title order by persona_words.priority, persona_words.persona
        ) as place
    from titles
    inner join persona_words
        on titles.title_words like '% ' || trim(persona_words.words) || ' %'
),

people as (
    select
        dim_people.person_id,
        dim_people.primary_account_id,
        dim_people.first_channel,
        dim_people.first_campaign,
        dim_people.first_seen_at,
        personas_in_order.persona
    from dim_people
    left join personas_in_order
        on
            dim_people.title = personas_in_order.title
            and personas_in_order.place = 1
),

-- the person seen first stands for how an account was found
founders as (
    select
        primary_account_id as account_id,
        first_channel,
        first_campaign,
        persona
    from (
        select
            people.*,
            row_number() over (
                partition by primary_account_id order by first_seen_at, person_id
            ) as place
        from people
        where primary_account_id is not null
    ) as people_in_order
    where place = 1
),

entities as (
    select
        'person' as entity_type,
        person_id as entity_id,
        primary_account_id as account_id,
        first_channel,
        first_campaign,
        persona
    from people
    union all
    select
        'account' as entity_type,
        dim_accounts.account_id as entity_id,
        dim_accounts.account_id,
        founders.first_channel,
        founders.first_campaign,
        founders.persona
    from dim_accounts
    left join founders
        on dim_accounts.account_id = founders.account_id
),

final as (
    select
        entities.entity_type,
        entities.entity_id,
        coalesce(entities.first_channel, 'unknown') as first_channel,
        coalesce(entities.first_campaign, 'unknown') as first_campaign,
        coalesce(dim_accounts.segment, 'unknown') as segment,
        coalesce(dim_accounts.country, 'unknown') as country,
        {{ product_line() }} as product_line,
        coalesce(dim_accounts.entry_model, 'unknown') as entry_model,
        coalesce(entities.persona, 'unknown') as persona,
        coalesce(dim_accounts.motion, 'unknown') as motion
    from entities
    left join dim_accounts
        on entities.account_id = dim_accounts.account_id
)

select * from final
