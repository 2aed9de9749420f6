with

account_log as (
    select * from {{ ref('int_pql__account_log') }}
),

spans as (
    -- what was known holds until something else is
    select
        *,
        coalesce(
            lead(known_from) over (partition by account_id order by known_from),
            date '9999-12-31'
        ) as valid_to
    from account_log
),

final as (
    select
        account_id,
        known_from as valid_from,
        valid_to,
        employees,
        industry,
        country,
        tech_stack,
        hiring_signals,
        is_hiring_known,
        count_people,
        count_emails,
        count_business_emails
    from spans
    where not is_withdrawn
)

select * from final
