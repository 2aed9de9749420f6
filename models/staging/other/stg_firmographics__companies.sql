with

firmographics as (
    select * from {{ source('raw', 'firmographics') }}
),

domains_cleaned as (
    select
        *,
        {{ url_host('domain') }} as clean_domain
    from firmographics
),

final as (
    select
        clean_domain as domain,
        {{ clean_text('company') }} as company_name,
        employees,
        {{ clean_text('industry') }} as industry,
        {{ clean_text('country') }} as country,
        {{ clean_text('tech_stack') }} as tech_stack,
        {{ clean_text('hiring_signals') }} as hiring_signals,
        {{ clean_text('ip_ranges') }} as ip_ranges
    from domains_cleaned
    where clean_domain is not null
    qualify
        row_number() over (
            partition by clean_domain
            order by load_id desc, file_id desc, line_number desc
        ) = 1
)

select * from final
