-- Every hand-off is in the feedback once, by tier and all together, by month and in total.
with

handoffs as (
    select * from {{ ref('fct_handoffs') }}
),

feedback as (
    select * from {{ ref('rpt_pql_feedback') }}
),

handoffs_counted as (
    select
        model_key,
        count(*) as count_handoffs,
        count(case when status = 'rejected' then 1 end) as count_rejected
    from handoffs
    group by model_key
),

feedback_counted as (
    select
        model_key,
        cohort_grain,
        tier = 'all' as is_all,
        sum(count_handoffs) as count_handoffs,
        sum(count_rejected) as count_rejected,
        sum(count_accepted + count_rejected + count_expired + count_pending) as count_in_a_state
    from feedback
    group by 1, 2, 3
)

select
    feedback_counted.*,
    handoffs_counted.count_handoffs as expected_handoffs,
    handoffs_counted.count_rejected as expected_rejected
from handoffs_counted
full outer join feedback_counted on handoffs_counted.model_key = feedback_counted.model_key
where
    feedback_counted.count_handoffs is distinct from handoffs_counted.count_handoffs
    or feedback_counted.count_rejected is distinct from handoffs_counted.count_rejected
    or feedback_counted.count_in_a_state is distinct from feedback_counted.count_handoffs
