with

contracts as (
    select * from {{ source('raw', 'contracts') }}
),

newest as (
    -- a contract sent again replaces what was sent before
    select *
    from contracts
    qualify row_number() over (
        partition by contract_id order by load_id desc, file_id desc, line_number desc
    ) = 1
),

final as (
    select
        -- keys
        contract_id,
        trim(account) as account,
        -- attributes
        upper(trim(currency)) as currency,
        billing_frequency,
        owner,
        load_id as known_in_load,
        -- measures
        annual_value,
        seats,
        -- times
        start_date,
        end_date,
        signed_date
    from newest
)

select * from final
