with

recalibration as (
    select * from {{ pql_recalibration_results() }}
)

select * from recalibration
