with

credits as (
    select * from {{ ref('fct_credits') }}
),

credits_by_funnel as (
    -- all holds every conversion once; a payment that both funnels qualified is in each of them
    {% for funnel, condition in [
        ('all', 'true'), ('marketing', 'is_in_marketing_funnel'), ('product', 'is_in_product_funnel')
    ] %}
    select
        '{{ funnel }}' as funnel,
        {{ month_start('converted_at') }} as month,
        conversion_type,
        model,
        channel,
        campaign,
        is_in_both_funnels,
        credit,
        value
    from credits
    where {{ condition }}
    {{ "union all" if not loop.last }}
    {% endfor %}
),

final as (
    select
        -- keys
        funnel,
        month,
        conversion_type,
        model,
        channel,
        campaign,
        -- measures
        cast(sum(credit) as decimal(28, 10)) as conversions,
        cast(sum(case when is_in_both_funnels then credit else 0 end) as decimal(28, 10)) as conversions_in_both_funnels,
        cast(sum(value) as decimal(18, 2)) as value
    from credits_by_funnel
    group by 1, 2, 3, 4, 5, 6
)

select * from final
