-- A type of deal no rule of the seed crm_deal_types fits is other, and in no figure of new business.
{{ config(severity='warn') }}

select
    crm,
    opportunity_type,
    count(*) as count_deals
from {{ ref('fct_opportunities') }}
where deal_type = 'other'
group by 1, 2
