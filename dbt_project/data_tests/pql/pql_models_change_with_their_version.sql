-- Scores of one version are compared over time: a signal or bound that changed within it makes them
-- two models under one name. Raise `version` in pql_models.csv; taking the change back helps too.
{{ config(severity='warn') }}
with

changes as (
    select * from {{ ref('fct_model_changes') }}
),

models as (
    select * from {{ ref('pql_models') }}
),

changes_of_this_version as (
    select
        changes.model_key,
        changes.part,
        changes.part_key,
        changes.to_definition,
        changes.is_latest,
        first_value(changes.from_definition) over (
            partition by changes.model_key, changes.part, changes.part_key
            order by changes.build_number
            rows between unbounded preceding and unbounded following
        ) as definition_before
    from changes
    inner join models
        on
            changes.model_key = models.model_key
            and changes.version = models.version
    where changes.is_without_version
)

select
    model_key,
    part,
    part_key,
    definition_before,
    to_definition
from changes_of_this_version
where is_latest and to_definition is distinct from definition_before
