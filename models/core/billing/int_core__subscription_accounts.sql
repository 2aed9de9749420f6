with

subscription_events as (
    select * from {{ ref('stg_stripe__subscription_events') }}
),

customers as (
    select * from {{ ref('stg_stripe__customers') }}
),

account_people as (
    select * from {{ ref('bridge_account_people') }}
),

person_traits as (
    select * from {{ ref('int_identity__person_traits') }}
),

subscriptions as (
    select
        subscription_id,
        max_by(customer_id, event_order) filter (where customer_id is not null) as customer_id,
        max_by(metadata_account_id, event_order) filter (
            where nullif(trim(metadata_account_id), '') is not null
        ) as metadata_account_id
    from (
        select
            subscription_id,
            customer_id,
            metadata_account_id,
            row_number() over (
                partition by subscription_id order by effective_at, event_rank, event_id
            ) as event_order
        from subscription_events
    ) as events_numbered
    group by subscription_id
),

people_by_domain as (
    select
        person_traits.email_domain as domain,
        account_people.account_id,
        count(*) as count_people
    from account_people
    inner join person_traits
        on account_people.person_id = person_traits.person_id
    where person_traits.is_business_email
    group by 1, 2
),

account_of_domain as (
    select
        domain,
        account_id
    from people_by_domain
    qualify row_number() over (partition by domain order by count_people desc, account_id) = 1
),

domains_of_customers as (
    select
        customer_id,
        metadata_account_id,
        split_part(email, '@', 2) as domain
    from customers
),

candidates as (
    -- what says it of the subscription itself goes before what says it of its customer
    select
        subscriptions.subscription_id,
        subscriptions.customer_id,
        trim(subscriptions.metadata_account_id) as account_id_on_subscription,
        domains_of_customers.metadata_account_id as account_id_on_customer,
        account_of_domain.account_id as account_id_by_domain
    from subscriptions
    left join domains_of_customers
        on subscriptions.customer_id = domains_of_customers.customer_id
    left join account_of_domain
        on domains_of_customers.domain = account_of_domain.domain
),

final as (
    -- money of a customer nobody knows is still money: it gets an account of its own
    select
        subscription_id,
        customer_id,
        coalesce(
            account_id_on_subscription,
            account_id_on_customer,
            account_id_by_domain,
            'acc_stripe_' || coalesce(customer_id, subscription_id)
        ) as account_id,
        case
            when account_id_on_subscription is not null then 'subscription_metadata'
            when account_id_on_customer is not null then 'customer_metadata'
            when account_id_by_domain is not null then 'email_domain'
            else 'none'
        end as method
    from candidates
)

select * from final
