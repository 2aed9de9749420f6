-- Every customer is wholly on channels under the model that unit economics go by. A variable
-- economics_attribution_model that seed attribution_models does not have would lose them all.
with

customer_credits as (
    select
        account_id,
        sum(credit) as credit
    from {{ ref('int_economics__customer_credits') }}
    group by account_id
),

models as (
    select model from {{ ref('attribution_models') }}
    where model = '{{ var("economics_attribution_model") }}'
)

select customer_credits.*
from customer_credits
left join models on true
where customer_credits.credit <> 1 or models.model is null
