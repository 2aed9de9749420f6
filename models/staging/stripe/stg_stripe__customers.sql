with

object_states as (
    select * from {{ ref('base_stripe__object_states') }}
    where object_type = 'customer'
),

read_out as (
    select
        object_id as customer_id,
        nullif(trim({{ json_text('object', 'metadata.account_id') }}), '') as account_id,
        nullif(lower(trim({{ json_text('object', 'email') }})), '') as email,
        {{ json_text('object', 'name') }} as customer_name,
        upper({{ json_text('object', 'currency') }}) as currency,
        is_deleted,
        {{ epoch_seconds_at(json_number('object', 'created', 'bigint')) }} as created_at,
        row_number() over (
            partition by object_id order by known_at desc, load_id desc, line_number desc
        ) as states_back
    from object_states
),

final as (
    -- a deleted customer comes without its data: each column's newest known value holds
    select
        -- keys
        customer_id,
        min_by(account_id, states_back) filter (where account_id is not null) as metadata_account_id,
        min_by(email, states_back) filter (where email is not null) as email,
        -- attributes
        min_by(customer_name, states_back) filter (where customer_name is not null) as customer_name,
        min_by(currency, states_back) filter (where currency is not null) as currency,
        min_by(is_deleted, states_back) as is_deleted,
        -- times
        min(created_at) as created_at
    from read_out
    group by customer_id
)

select * from final
