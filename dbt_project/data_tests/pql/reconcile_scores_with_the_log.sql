-- What is said of a past day now is what was said on that day, for every account there still is.
-- Where the rules of a model changed since, it says something else on purpose.
with

scores as (
    select * from {{ ref('int_pql__scores') }}
    where level = 'account'
),

models as (
    select * from {{ ref('int_pql__models') }}
),

score_log as (
    select * from {{ ref('fct_score_log') }}
),

clock as (
    select * from {{ ref('dim_as_of') }}
),

newest_builds as (
    -- a day that was still going on is said again when it is over
    select
        model_key,
        score_date,
        rules_hash,
        max(scored_as_of_at) as scored_as_of_at
    from score_log
    group by model_key, score_date, rules_hash
),

days_said as (
    select
        newest_builds.model_key,
        newest_builds.score_date,
        newest_builds.rules_hash,
        newest_builds.scored_as_of_at
    from newest_builds
    inner join models
        on
            newest_builds.model_key = models.model_key
            and newest_builds.rules_hash = models.rules_hash
    cross join clock
    where newest_builds.score_date <= cast(clock.as_of_at - interval '1' microsecond as date)
),

said as (
    select score_log.*
    from score_log
    inner join days_said
        on
            score_log.model_key = days_said.model_key
            and score_log.score_date = days_said.score_date
            and score_log.rules_hash = days_said.rules_hash
            and score_log.scored_as_of_at = days_said.scored_as_of_at
),

scores_of_days_said as (
    select scores.*
    from scores
    inner join days_said
        on
            scores.model_key = days_said.model_key
            and scores.score_date = days_said.score_date
)

select
    coalesce(said.model_key, scores_of_days_said.model_key) as model_key,
    coalesce(said.account_id, scores_of_days_said.account_id) as account_id,
    coalesce(said.score_date, scores_of_days_said.score_date) as score_date,
    said.points as points_said,
    scores_of_days_said.points as points_now,
    said.tier as tier_said,
    scores_of_days_said.tier as tier_now
from said
full outer join scores_of_days_said
    on
        said.model_key = scores_of_days_said.model_key
        and said.account_id = scores_of_days_said.account_id
        and said.score_date = scores_of_days_said.score_date
where
    said.points is distinct from scores_of_days_said.points
    or said.tier is distinct from scores_of_days_said.tier
