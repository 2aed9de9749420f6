with

marketing_spend as (
    select * from {{ source('raw', 'marketing_spend') }}
),

newest_file as (
    -- a day of a campaign sent again in a later file replaces what was sent before;
    -- two lines of one file are two amounts
    select *
    from marketing_spend
    qualify dense_rank() over (
        partition by spend_date, lower(trim(channel)), trim(campaign) order by load_id desc, file_id desc
    ) = 1
),

final as (
    select
        -- keys
        spend_date,
        coalesce(nullif(lower(trim(channel)), ''), 'unknown') as channel,
        coalesce(nullif(trim(campaign), ''), 'none') as campaign,
        upper(trim(currency)) as currency,
        -- measures
        sum(amount) as amount
    from newest_file
    group by 1, 2, 3, 4
)

select * from final
