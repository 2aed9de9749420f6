-- Within a funnel and model every conversion counts once: the report's sums are whole numbers, the
-- number of conversions in the funnel; their values likewise.
with

report as (
    select
        funnel,
        conversion_type,
        model,
        sum(conversions) as conversions,
        sum(value) as value
    from {{ ref('rpt_attribution') }}
    group by 1, 2, 3
),

conversions as (
    select * from {{ ref('int_attribution__conversions') }}
),

models as (
    select model from {{ attribution_models() }}
),

counted as (
    {% for funnel, condition in [
        ('all', 'true'), ('marketing', 'is_in_marketing_funnel'), ('product', 'is_in_product_funnel')
    ] %}
    select
        '{{ funnel }}' as funnel,
        conversions.conversion_type,
        models.model,
        count(*) as conversions,
        sum(conversions.value) as value
    from conversions
    cross join models
    where {{ condition }}
    group by 1, 2, 3
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    coalesce(report.funnel, counted.funnel) as funnel,
    coalesce(report.conversion_type, counted.conversion_type) as conversion_type,
    coalesce(report.model, counted.model) as model,
    report.conversions as reported,
    counted.conversions as counted
from report
full outer join counted
    on
        report.funnel = counted.funnel
        and report.conversion_type = counted.conversion_type
        and report.model = counted.model
where
    coalesce(report.conversions, 0) <> coalesce(counted.conversions, 0)
    or report.value is distinct from counted.value
