"""A small warehouse, consistent to the cent, as ingestion and dbt would leave it.

Tests damage it with one statement and look which expectation says so.
"""

import shutil
from pathlib import Path

import duckdb
import pytest

from ingestion.lake_schema import DATASETS
from warehouse.ops import OpsStore, utc_now
from warehouse.settings import Settings

AS_OF = "2026-06-30T00:00:00Z"


def sql_types(columns):
    return ", ".join(f'"{name}" {type_name}' for name, type_name in columns.items())


EMPTY_RAW = "create schema raw;" + "".join(
    f"create table raw.{dataset} ({sql_types(columns)});" for dataset, columns in DATASETS.items()
)

FILLED_RAW = """
insert into raw.events by name
    select 'm' || i as message_id, 'track' as call_type, 'report_created' as event_name,
        'usr_' || (i % 7) as user_id, 'anon_' || (i % 9) as anonymous_id,
        timestamp '2026-06-29 00:00' + interval (i) minute as event_at,
        timestamp '2026-06-29 00:00' + interval (i) minute as received_at,
        '{"plan_tier": "free"}' as properties, '{}' as traits, 'segment' as source_format,
        date '2026-06-29' as received_date, 'f1' as file_id, i as line_number, 1 as load_id
    from range(60) as r(i);
insert into raw.events by name
    select 'v1' as message_id, 'page' as call_type, 'anon_1' as anonymous_id,
        timestamp '2026-06-29 10:00' as event_at, timestamp '2026-06-29 10:00' as received_at,
        '{}' as properties, '{}' as traits, date '2026-06-29' as received_date,
        'f1' as file_id, 61 as line_number, 1 as load_id;
insert into raw.stripe_events by name
    select 'evt_' || i as event_id, 'customer.subscription.updated' as event_type,
        timestamp '2026-05-01' + interval (i) day as created_at, true as is_livemode,
        'subscription' as object_type, 'sub_1' as object_id,
        '{"id": "sub_1", "status": "active", "currency": "usd", "discounts": [
            {"coupon": {"percent_off": 20, "duration": "forever"}}], "items": {"data": [
            {"id": "si_1", "quantity": 5, "price": {"unit_amount": 2900, "currency": "usd",
             "recurring": {"interval": "month", "interval_count": 1}}},
            {"id": "si_2", "price": {"unit_amount": null, "currency": "usd",
             "recurring": {"interval": "year", "interval_count": 1}}}]}}' as object,
        '{}' as previous_attributes, timestamp '2026-06-01' as received_at,
        'f2' as file_id, i as line_number, 1 as load_id
    from range(3) as r(i);
insert into raw.stripe_events by name
    select 'evt_c' as event_id, 'customer.created' as event_type,
        timestamp '2026-05-01' as created_at, 'customer' as object_type, 'cus_1' as object_id,
        '{"id": "cus_1", "currency": null}' as object, '{}' as previous_attributes,
        'f2' as file_id, 9 as line_number, 1 as load_id;
insert into raw.crm_records by name
    select 'salesforce' as crm, 'accounts' as object_name, '001' || i as record_id,
        '{"Id": "001' || i || '"}' as record, timestamp '2026-06-01' as modified_at,
        false as is_deleted, 'f3' as file_id, i as line_number, 1 as load_id
    from range(3) as r(i);
insert into raw.contracts by name
    select 'c1' as contract_id, 'acc_1' as account, date '2026-01-01' as start_date,
        date '2026-12-31' as end_date, 12000 as annual_value, 'usd' as currency, 50 as seats;
insert into raw.fx_rates by name
    select date '2026-01-01' + interval (i) month as month, c as currency,
        1.08 + i / 100 as rate
    from range(6) as r(i), (values ('EUR'), ('gbp')) as t(c);
insert into raw.firmographics by name
    select 'example.com' as domain, 'Example' as company, 40 as employees;
insert into raw.marketing_spend by name
    select date '2026-06-01' as spend_date, 'paid_search' as channel, 120.5 as amount,
        'USD' as currency;
insert into raw.gtm_costs by name
    select date '2026-06-01' as month, 'sales' as kind, 9000 as amount;
insert into raw.support_tickets by name
    select 't1' as ticket_id, timestamp '2026-06-01' as opened_at,
        timestamp '2026-06-02' as resolved_at;
"""

SEEDS = """
create schema seeds;
create table seeds.event_registry as
    select * from (values ('report_created', 'create_report'), ('signed_up', null))
        as t(event_name, replaces);
create table seeds.pql_models as
    select 'rubric_150' as model_key, 0 as min_points, 150 as max_points;
create table seeds.pql_tiers as
    select * from (values ('rubric_150', 'hot', 80), ('rubric_150', 'warm', 50),
        ('rubric_150', 'watching', 30), ('rubric_150', 'none', 0))
        as t(model_key, tier, min_points);
"""

IDENTITY = """
create schema staging;
create schema identity;
create table staging.stg_events__event_days as
    select 'usr_' || i as user_id, 'anon_' || i as anonymous_id, 10 as count_events
    from range(7) as r(i)
    union all select null, 'anon_8', 1
    union all select null, null, 5;
create table identity.bridge_person_ids as
    select 'user_id' as id_type, 'usr_' || i as id_value, 'per_' || i as person_id
    from range(7) as r(i)
    union all
    select 'anonymous_id', 'anon_' || i, 'per_' || i from range(9) as r(i)
    union all
    select 'email', 'p' || i || '@example.com', 'per_' || i from range(7) as r(i);
create schema if not exists seeds;
create table seeds.denied_edges as
    select 'user_id' as id_type_a, 'usr_1' as id_value_a, 'user_id' as id_type_b,
        'usr_2' as id_value_b, 'a colleague' as reason;
create table identity.rpt_guard_violations as
    select 'email_of_people' as rule_key, 'email' as id_type, 'p1@example.com' as id_value,
        'flag' as action, 2 as count_seen, 1 as count_limit,
        'person_id:per_1, person_id:per_2' as sample;
create table identity.bridge_account_people as
    select 'acc_' || (i % 3) as account_id, 'per_' || i as person_id, 'group' as method,
        1.0 as confidence, true as is_primary
    from range(7) as r(i);
create table identity.bridge_crm_records as
    select 'salesforce' as crm, 'accounts' as object, '0010' as record_id,
        null as person_id, 'acc_0' as account_id, 'domain' as method,
        0.9::double as confidence;
create table identity.rpt_crm_match_rate as
    select 'all' as dimension, 'all' as dimension_value, 7 as count_users, 7 as count_matched,
        1.0 as match_rate, 'on_target' as state;
create table identity.dim_account_hierarchy as
    select 'acc_' || i as account_id, case when i > 0 then 'acc_0' end as parent_account_id,
        'acc_0' as ultimate_parent_account_id
    from range(3) as r(i);
"""

MARTS = """
create schema core; create schema revenue; create schema pql; create schema activation;
create schema funnel; create schema retention; create schema loops; create schema experiments;
create table core.dim_as_of as select timestamp '2026-06-30' as as_of_at;
create table core.dim_people as
    select 'per_' || i as person_id,
        case when i < 7 then 'acc_' || (i % 3) end as primary_account_id
    from range(9) as r(i);
create table core.dim_accounts as
    select 'acc_' || i as account_id, 'Account ' || i as account_name,
        '1-50' as segment, 40 as employees, i = 1 as is_paying
    from range(3) as r(i);
create table core.fct_person_days as
    select 'per_' || i as person_id, 'acc_' || (i % 3) as account_id,
        date '2026-06-29' as activity_date, 'report_created' as event_name, 10 as count_events
    from range(7) as r(i)
    union all
    select 'per_8', null, date '2026-06-29', 'page_viewed', 1;
create table staging.stg_events__activity_spans as select 12 as count_events;
create table core.fct_sessions as
    select * from (values
        ('ses_1', 'per_1', 'anon_1', 9, timestamp '2026-06-29 08:00', timestamp '2026-06-29 09:00'),
        ('ses_2', 'per_1', 'anon_1', 3, timestamp '2026-06-29 09:00', timestamp '2026-06-29 09:10')
    ) as t(session_id, person_id, device_id, count_events, started_at, ended_at);
create table core.fct_loop_events as
    select 'invite_accepted' as event_name, 'inv_' || i as invite_id from range(20) as r(i);
create table loops.fct_invites as
    select 'inv_' || i as invite_id from range(20) as r(i);
create table loops.rpt_invite_loop as
    select 'week' as grain, date '2026-06-01' as cohort_date, 8 as users, 2 as inviters,
        5 as invites_sent, 4 as invites_accepted, 2 as invites_converted, 1 as invites_activated,
        0.25 as k_factor;
create schema packaging;
create table revenue.rpt_payment_recovery as
    select date '2026-06-01' as month, 'expired_card' as reason, false as is_mature,
        4 as failed_invoices, 2 as recovered_invoices, 1 as lost_invoices, 1 as open_invoices,
        3 as resolved_invoices, 2 / 3 as recovery_rate, 100.00 as failed_amount,
        60.00 as recovered_amount, 30.00 as lost_amount, 10.00 as open_amount;
create table revenue.fct_dunning_states as
    select 'acc_' || i as account_id, i < 2 as is_current from range(1, 3) as r(i)
    union all select 'acc_2', true;
create table packaging.rpt_free_to_paid as
    select * from (values
        ('month', date '2026-01-01', 'trial', true, 10, 2, 3, 0.2),
        ('month', date '2026-06-01', 'trial', false, 5, 1, 1, 0.2),
        ('total', null, 'trial', true, 10, 2, 3, 0.2)
    ) as t(cohort_grain, entry_month, entry_model, is_mature, accounts, converted_accounts,
        paid_accounts, conversion_rate);
create table packaging.fct_plan_spans as
    select * from (values
        ('acc_1', 1, date '2026-01-01', date '2026-02-01', false),
        ('acc_1', 2, date '2026-02-01', null, true)
    ) as t(account_id, span_number, from_date, to_date, is_running);
create table packaging.fct_trials as
    select * from (values
        ('sub_1:1', 'converted', timestamp '2026-01-01', timestamp '2026-01-15',
            timestamp '2026-01-15'),
        ('sub_2:1', 'running', timestamp '2026-06-20', null, null)
    ) as t(trial_id, outcome, started_at, ended_at, converted_at);
create table revenue.fct_mrr_months as
    select * from (values
        ('acc_1', date '2026-04-01', 0.00, 100.00, 0.00, 0.00, 0.00, 0.00, 0.00, 100.00),
        ('acc_1', date '2026-05-01', 100.00, 0.00, 20.50, -5.00, 0.00, 0.00, 1.25, 116.75),
        ('acc_1', date '2026-06-01', 116.75, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 116.75),
        ('acc_2', date '2026-05-01', 0.00, 50.00, 0.00, 0.00, -50.00, 0.00, 0.00, 0.00),
        ('acc_2', date '2026-06-01', 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00)
    ) as t(account_id, month, opening_mrr, new_mrr, expansion_mrr, contraction_mrr, churn_mrr,
        reactivation_mrr, fx_mrr, closing_mrr);
create table revenue.fct_mrr_movements as
    select * from (values
        ('acc_1', date '2026-04-03', 'new', 'seats', 100.00),
        ('acc_1', date '2026-05-01', 'fx', 'fx', 1.25),
        ('acc_1', date '2026-05-09', 'expansion', 'seats', 20.50),
        ('acc_1', date '2026-05-20', 'contraction', 'discount', -5.00),
        ('acc_2', date '2026-05-02', 'new', 'seats', 50.00),
        ('acc_2', date '2026-05-28', 'churn', 'tier', -50.00)
    ) as t(account_id, movement_date, movement_type, cause, amount);
create table revenue.rpt_nrr as
    select * from (values
        (date '2026-05-01', 1, 'all', 'all', 100.00, 20.50, 5.00, 0.00, 0.00, 1.155, 0.95, 25),
        (date '2026-05-01', 1, 'plan', 'team', 71.00, 20.50, 0.00, 0.00, 0.00, 91.50 / 71, 1.0, 24),
        (date '2026-05-01', 1, 'plan', 'pro', 29.00, 0.00, 5.00, 0.00, 0.00, 24.00 / 29, 24.00 / 29,
            1),
        (date '2026-04-01', 12, 'all', 'all', 0.00, 0.00, 0.00, 0.00, 0.00, null, null, 0),
        -- grew sixfold, and is too small to judge
        (date '2026-04-01', 3, 'all', 'all', 28.00, 140.00, 0.00, 0.00, 0.00, 6.0, 1.0, 1)
    ) as t(month, window_months, dimension, dimension_value, starting_mrr, expansion_mrr,
        contraction_mrr, churn_mrr, reactivation_mrr, nrr, grr, count_accounts_start);
alter table revenue.rpt_nrr add column is_reactivation_included boolean default false;
create table revenue.rpt_revenue_health as
    select * from (values
        (date '2026-05-01', 1, 'all', 'all', 4, 1, 0.25, 0.25, 4, 360.00, 90.0, 0.8, 0.25, 288.0),
        -- nobody lost, nobody there
        (date '2026-04-01', 1, 'all', 'all', 2, 0, 0.0, 0.0, 3, 30.00, 10.0, 0.8, 0.0, null),
        (date '2026-03-01', 1, 'all', 'all', 0, 0, null, null, 0, 0.00, null, 0.8, null, null)
    ) as t(month, window_months, dimension, dimension_value, count_accounts_start,
        count_accounts_churned, logo_churn_rate, gross_revenue_churn_rate, count_accounts_end,
        ending_mrr, arpa, gross_margin_rate, monthly_logo_churn_rate, ltv);
create table core.fct_invoice_lines as
    select * from (values ('il_1', 1000), ('il_2', -300), ('il_3', 500))
        as t(invoice_line_id, net_amount_cents);
create table revenue.fct_recognition_months as
    select * from (values
        ('il_1', date '2026-05-01', 'invoice', 6.00, 0.00, 600),
        ('il_1', date '2026-06-01', 'invoice', 4.00, 0.00, 400),
        ('il_2', date '2026-05-01', 'invoice', -3.00, 0.00, -300),
        ('il_3', date '2026-05-01', 'invoice', 5.00, 0.00, 500),
        ('il_3', date '2026-06-01', 'invoice', -5.00, -5.00, -500)
    ) as t(invoice_line_id, month, source, recognised_amount, reversed_amount, recognised_cents);
create table revenue.fct_deferred_invoice_months as
    select * from (values
        ('in_1', date '2026-05-01', 4.00), ('in_2', date '2026-05-01', 0.00)
    ) as t(invoice_id, month, closing_balance);
create table revenue.rpt_deferred_roll_forward as
    select * from (values
        (date '2026-05-01', 0.00, 12.00, 8.00, 0.00, 4.00),
        (date '2026-06-01', 4.00, 0.00, -1.00, -5.00, 0.00)
    ) as t(month, opening_balance, billed_amount, recognised_amount, adjusted_amount,
        closing_balance);
create table revenue.fct_journal_entries as
    select * from (values
        ('je_1', 12.00, 0.00, 12.00, 0.00), ('je_1', 0.00, 12.00, 0.00, 12.00)
    ) as t(entry_id, debit, credit, reporting_debit, reporting_credit);
create table revenue.int_revenue__mrr_close_log as
    select timestamp '2026-06-02' as recorded_at;
create table revenue.fct_mrr_closes as
    select * from (values
        ('acc_1', date '2026-04-01', 100.00), ('acc_1', date '2026-05-01', 115.00)
    ) as t(account_id, month, reported_mrr);
create table revenue.fct_mrr_restatements as
    select 'acc_1' as account_id, date '2026-05-01' as month, 'late_event' as cause,
        115.00 as reported_mrr, 1.75 as difference, 116.75 as now_mrr,
        timestamp '2026-06-10' as first_seen_at;
create table revenue.rpt_invoice_tie_out as
    select *, invoiced_amount - mrr as difference, 0.00 as contract_amount, 0.00 as void_amount,
        0.00 as pause_amount, 0.00 as timing_amount, invoiced_amount - mrr as proration_amount,
        0.00 as one_time_amount, 0.00 as usage_amount, 0.00 as discount_once_amount,
        0.00 as tax_amount, 0.00 as rounding_amount, 0.00 as unexplained_amount,
        0.005 * mrr as tolerated_amount
    from (values
        ('acc_1', date '2026-05-01', 116.75, 120.00), ('acc_1', date '2026-06-01', 116.75, 116.75)
    ) as t(account_id, month, mrr, invoiced_amount);
create table revenue.rpt_mrr_policies as
    select 'default' as policy_key, true as is_default, month, sum(opening_mrr) as opening_mrr,
        sum(new_mrr) as new_mrr, sum(expansion_mrr) as expansion_mrr,
        sum(contraction_mrr) as contraction_mrr, sum(churn_mrr) as churn_mrr,
        sum(reactivation_mrr) as reactivation_mrr, sum(fx_mrr) as fx_mrr,
        sum(closing_mrr) as closing_mrr
    from revenue.fct_mrr_months group by month;
create table pql.fct_scores as
    select * from (values
        ('rubric_150', 'acc_0', date '2026-06-28', 30.00, 3, 'watching'),
        ('rubric_150', 'acc_0', date '2026-06-29', 85.50, 6, 'hot'),
        ('rubric_150', 'acc_2', date '2026-06-29', 0.00, 1, 'none')
    ) as t(model_key, account_id, score_date, points, score_10, tier);
create table pql.fct_score_reasons as
    select * from (values
        ('rubric_150', 'acc_0', date '2026-06-28', 'core_workflow', 30.00),
        ('rubric_150', 'acc_0', date '2026-06-29', 'core_workflow', 60.50),
        ('rubric_150', 'acc_0', date '2026-06-29', 'team', 25.00)
    ) as t(model_key, account_id, score_date, signal_key, points);
create schema health;
create table seeds.health_bands as
    select * from (values
        ('healthy', 1, 70.00, false), ('at_risk', 3, 30.00, true), ('critical', 4, 0.00, true)
    ) as t(band, place, min_score, is_at_risk);
create table seeds.health_overrides as
    select * from (values
        ('o1', 'acc_0', 'healthy', 'They signed for a year.', 'ana', date '2026-05-01',
            date '2026-05-31'),
        ('o2', 'acc_0', 'at_risk', 'The sponsor left.', 'ana', date '2026-06-01',
            date '2026-06-30')
    ) as t(override_key, account_id, band, reason, overridden_by, valid_from, valid_until);
create table health.fct_account_health as
    select * from (values
        ('acc_0', date '2026-06-28', 75.50, 'healthy', false, 100.00),
        ('acc_0', date '2026-06-29', 29.99, 'critical', true, 100.00),
        ('acc_1', date '2026-06-29', null, 'unknown', false, 0.00)
    ) as t(account_id, health_date, health_score, band, is_at_risk, measured_weight_pct);
create table health.fct_health_components as
    select * from (values
        ('acc_0', date '2026-06-28', 'usage', 85.00, 60.00, 75.50, false),
        ('acc_0', date '2026-06-28', 'seats', null, 0.00, 0.00, true),
        ('acc_0', date '2026-06-29', 'usage', 20.00, 60.00, 12.00, false),
        ('acc_0', date '2026-06-29', 'seats', 44.98, 40.00, 17.99, false),
        ('acc_1', date '2026-06-29', 'usage', null, 0.00, 0.00, true),
        ('acc_1', date '2026-06-29', 'seats', null, 0.00, 0.00, true)
    ) as t(account_id, health_date, component, score, effective_weight, points, is_missing);
create table health.fct_current_health as
    select 'acc_0' as account_id, 'critical' as band, true as is_at_risk, 29.00 as mrr;
create table health.rpt_at_risk_queue as
    select 1 as place, 'acc_0' as account_id, 29.00 as mrr_at_risk;
create table health.rpt_health_backtest as
    select * from (values
        ('health', 'band', 'critical', 20, 0.5, 0.4, 0.2, 0.6),
        ('health', 'band', 'healthy', 80, 0.1, null, null, null)
    ) as t(model_key, cut_type, cut, n, churn_rate, above_next, above_next_low, above_next_high);
create table pql.fct_transitions as
    select 'rubric_150' as model_key, 'acc_0' as account_id, date '2026-06-29' as score_date,
        'watching' as from_tier, 'hot' as to_tier, timestamp '2026-06-29 08:00' as transitioned_at;
create table pql.fct_handoffs as
    select 'hof_1' as handoff_id, 'rubric_150' as model_key, 'acc_0' as account_id,
        'pending' as status, 'on_track' as sla_state, '0051' as owner_id, 'ae' as team,
        cast(null as varchar) as reason, timestamp '2026-06-29 23:59:59' as qualified_at,
        cast(null as timestamp) as first_touch_at, timestamp '2026-06-30 10:00' as due_at;
create table pql.fct_handoff_events as
    select 2 as event_number, 'hof_1' as handoff_id, '0051' as owner_id, 'assigned' as event,
        1 as count_open_after, 20 as capacity, cast(null as varchar) as flag;
create table pql.fct_handoff_decisions as
    select * from (values
        ('rubric_150', 'acc_0', timestamp '2026-06-29 23:59:59', 'routed', 'routed', null),
        ('rubric_150', 'acc_2', timestamp '2026-06-29 23:59:59', 'suppressed', 'student',
         'student, self_serve_zone')
    ) as t(model_key, account_id, qualified_at, decision, reason, suppression_reasons);
create table pql.rpt_sla_adherence as
    select date '2026-05-01' as month, 'rubric_150' as model_key, 'all' as dimension,
        30 as handoffs, 0.95 as adherence, 0.9 as target, true as is_on_target;
create table pql.fct_qualifications as
    select 'acc_' || i as subject_id, true as is_counted from range(2) as r(i);
create table pql.rpt_qualification_overlap as
    select 'pql' as combination, false as is_mql, false as is_sql, true as is_pql,
        2 as count_subjects;
create table pql.rpt_qualification_pipeline as
    select grain as cohort_grain, case when grain = 'month' then date '2026-01-01' end
            as cohort_month,
        'pql_to_paid' as conversion_key, 'all' as model_key, true as is_mature,
        'as_expected' as state, 5 as count_qualified, 1 as count_already, 4 as denominator,
        1 as numerator, 0.25 as rate
    from (values ('month'), ('total')) as t(grain);
create table pql.fct_opportunity_sources as
    select date '2026-05-01' as created_month, 100.00 as amount, true as is_new_business;
create table pql.rpt_pipeline_reconciliation as
    select date '2026-05-01' as month, kind, true as is_complete, false as is_flagged,
        amount as warehouse_pipeline, amount as crm_pipeline, 0.00 as difference
    from (values ('mql', 0.00), ('sql', 0.00), ('pql', 100.00), ('none', 0.00), ('all', 100.00))
        as t(kind, amount);
create table pql.fct_expansion_queue as
    select 'acc_' || i as account_id, 'upsell' as kind, 'open' as status, 'csm' as team,
        'Reached a limit of its plan.' as reason,
        case when i = 1 then 'open_opportunity' end as suppression_reason,
        date '2026-06-01' as qualified_date, date '2026-06-01' + i::integer as opened_date,
        cast(null as date) as closed_date
    from range(2) as r(i);
create table pql.rpt_pql_feedback as
    select 'total' as cohort_grain, cast(null as date) as cohort_month,
        'rubric_150' as model_key, 'all' as tier, 'ok' as state, 50 as count_handoffs,
        30 as count_accepted, 10 as count_rejected, 40 as count_answered, 40 as count_mature,
        10 as count_mature_won, 0.25 as rejection_rate, 0.25 as close_rate,
        false as is_rejection_red_flag, false as is_close_red_flag;
alter table seeds.pql_models add column if not exists status varchar default 'live';
create table pql.rpt_backtest as
    select * from (values
        ('all', 'model', 20, 20, 5, 15, 0, 0, 5, 0.25, null, null, null, null, null, null, null,
            null, null, null, null),
        ('hot', 'tier', 20, 4, 3, 1, 2, 14, 5, 0.75, 0.3, 0.9, 0.6, 0.2, 0.9, 0.5, 0.1, 0.8,
            10, 3, 4),
        ('none', 'tier', 20, 16, 2, 14, 3, 1, 5, 0.125, 0.0, 0.4, 0.4, 0.1, 0.8, null, null, null,
            null, null, null),
        ('>= 150', 'threshold', 20, 0, 0, 0, 5, 15, 5, null, null, null, 0.0, 0.0, 0.3, null, null,
            null, 0, 0, 0)
    ) as t(cut, cut_type, count_observed, n, true_positives, false_positives, false_negatives,
        true_negatives, count_conversions, precision, precision_low, precision_high, recall,
        recall_low, recall_high, above_next, above_next_low, above_next_high, entries, entries_paid,
        entries_advanced);
alter table pql.rpt_backtest add column model_key varchar default 'rubric_150';
alter table pql.rpt_backtest add column conversion_rate double;
update pql.rpt_backtest set conversion_rate = precision;
alter table pql.rpt_backtest add column paid_rate double default 0.3;
alter table pql.rpt_backtest add column paid_rate_low double default 0.1;
alter table pql.rpt_backtest add column paid_rate_high double default 0.6;
create table pql.rpt_drift as
    select 'rubric_150' as model_key, 'new' as population, 'score' as item, m as month, 0.05 as psi,
        0.2 as psi_by_chance, 0.0 as missing_rate, s as status
    from (values (date '2026-05-01', 'act'), (date '2026-06-01', 'steady')) as t(m, s);
create schema attribution; create schema economics;
create table attribution.fct_credits as
    select *, 'first_payment acc_' || right(account_id, 1) as conversion_id,
        'first_payment' as conversion_type, timestamp '2026-05-03' as converted_at
    from (values
        ('acc_1', 'linear', 'ses_1', 'email', 0.5, 50.00, timestamp '2026-04-01'),
        ('acc_1', 'linear', 'ses_2', 'social', 0.5, 50.00, timestamp '2026-04-02'),
        ('acc_1', 'first', 'ses_1', 'email', 1.0, 100.00, timestamp '2026-04-01'),
        ('acc_2', 'linear', 'ses_3', 'social', 1.0, 50.00, timestamp '2026-05-01'),
        ('acc_2', 'first', 'ses_3', 'social', 1.0, 50.00, timestamp '2026-05-01')
    ) as t(account_id, model, touch_id, channel, credit, value, touched_at);
create table economics.rpt_unit_economics as
    select date '2026-05-01' as month, * from (values
        ('all', 300.00, 1.0, 50.00, 300.00, 1000.00, 0.05, 3.3::double, 7.5::double),
        ('social', 250.00, 1.0, 50.00, 250.00, 1000.00, 0.05, 4.0::double, 6.25::double),
        ('email', 50.00, 0.0, 0.00, null, null, null, null, null)
    ) as t(channel, acquisition_cost, new_customers, new_mrr, cac, ltv, churn_rate, ltv_to_cac,
        payback_months);
create table economics.rpt_targets as select 'nrr' as metric, 'met' as status;
create table core.fct_marketing_spend as
    select date '2026-05-01' as spend_date, 'social' as channel, 'USD' as currency,
        250.00 as amount_native, 250.00 as amount;
create table activation.rpt_activation_cohorts as
    select * from (values
        (date '2026-06-01', 'all', 7, 3, 3 / 7, true),
        (date '2026-06-01', '1-50', 7, 3, 3 / 7, true)
    ) as t(cohort_week, segment, signups, activated_7d, activation_rate, is_mature);
create table activation.fct_audience_members as
    select 'dormant' as audience, 'per_1' as person_id, timestamp '2026-06-20' as since_at,
        timestamp '2026-07-06' as until_at;
create table activation.fct_person_milestones as
    select 'per_1' as person_id, m as milestone, timestamp '2026-06-02' as reached_at,
        15 as minutes_since_signup
    from (values ('setup'), ('activation')) as t(m);
create table funnel.fct_stages as
    select 'person' as entity_type, 'per_1' as entity_id, s as stage,
        timestamp '2026-06-01' as reached_at
    from (values ('visitor'), ('signed_up'), ('activated')) as t(s)
    union all select 'account', 'acc_1', 'paying', timestamp '2026-06-03';
create table funnel.rpt_funnel as
    select date '2026-06-01' as cohort_month, 'all' as dimension, 'all' as dimension_value,
        'person' as entity_type, stage, entities, conversion_from_previous,
        entities / 9 as conversion_from_first
    from (values ('visitor', 9, null), ('signed_up', 7, 7 / 9), ('activated', 3, 3 / 7),
        ('pql', 1, 1 / 3), ('paying', 2, 2 / 3), ('expanded', 0, 0)
    ) as t(stage, entities, conversion_from_previous);
create table funnel.fct_funnel_attempts as
    select 'checkout' as funnel_key, 'person' as entity_type, 'per_1' as entity_id,
        attempt_number, timestamp '2026-06-02' as started_at, timestamp '2026-06-03' as furthest_at,
        attempt_number = 1 as is_completed, false as is_open,
        case when attempt_number = 2 then 1 end as dropped_after_step
    from range(1, 3) as r(attempt_number);
create table funnel.rpt_conversions as
    select 'checkout_completion' as conversion_key, 'person' as entity_type,
        'month' as cohort_grain, date '2026-06-01' as cohort_date, 'all' as dimension,
        'all' as dimension_value, 1 as numerator, 2 as denominator, 0.5::double as rate;
create table retention.rpt_retention as
    select date '2026-06-01' as cohort_date, 'day' as grain, 'person' as entity_type, method,
        day_number, 7 as cohort_size, retained, retained / 7 as retention_rate
    from (values ('bounded', 1, 3), ('rolling', 1, 5), ('bounded', 7, 4), ('rolling', 7, 4)
    ) as t(method, day_number, retained);
create table retention.rpt_active_users as
    select date '2026-06-29' as activity_date, 3 as dau, 5 as wau, 7 as mau;
create table retention.fct_lifecycle_weeks as
    select 'person' as entity_type, 'per_1' as entity_id, w as week, s as state
    from (values (date '2026-06-01', 'new'), (date '2026-06-08', 'dormant'),
        (date '2026-06-15', 'resurrected'), (date '2026-06-22', 'retained')) as t(w, s);
create table retention.rpt_retention_cohorts as
    select 'sign_up_to_any' as definition_key, 'person' as entity_type, 'week' as grain,
        'bounded' as method, 'all' as dimension, 'all' as dimension_value, cohort_date,
        1 as period_number, 1 as last_period_number, cohort_size, retained, is_mature
    from (values (date '2026-06-01', 100, 40, true), (date '2026-06-08', 60, 30, true),
        (date '2026-06-22', 50, 0, false)) as t(cohort_date, cohort_size, retained, is_mature);
create table retention.rpt_retention_curves as
    select definition_key, entity_type, grain, method, dimension, dimension_value, period_number,
        last_period_number, 160 as cohort_size, 70 as retained
    from retention.rpt_retention_cohorts
    where cohort_date = date '2026-06-01';
create table retention.rpt_lifecycle as
    select 'person' as entity_type, *, n + r + b as count_active, n + b as count_gained
    from (values (date '2026-06-01', 5, 0, 0, 0), (date '2026-06-08', 2, 3, 0, 2),
        (date '2026-06-15', 0, 4, 1, 1)
    ) as t(week, n, r, b, count_newly_dormant);
alter table retention.rpt_lifecycle rename n to count_new;
alter table retention.rpt_lifecycle rename r to count_retained;
alter table retention.rpt_lifecycle rename b to count_resurrected;
create table retention.rpt_feature_adoption as
    select 'person' as entity_type, feature_key, month, 50 as count_active, count_users,
        2 as count_first_users, count_users / 50 as adoption_rate, true as is_mature
    from (values ('api', date '2026-04-01', 25), ('api', date '2026-05-01', 20),
        ('sso', date '2026-04-01', 5), ('sso', date '2026-05-01', 2)
    ) as t(feature_key, month, count_users);
create table experiments.rpt_results as
    select 'price' as experiment_key, *, 'proportion' as kind, 0.4 as srm_p_value,
        null::double as cuped_p_value
    from (values
        ('a', true, 'upgrades', 'primary', 100, 10, 0.1, null, null, null, null, null, null,
            null, null, null, null, null, 'ship'),
        ('b', false, 'upgrades', 'primary', 100, 25, 0.25, 0.15, 0.04, 0.25, 1.5, 0.3, 4.0,
            0.005, 0.01, 0.04, 0.99, 'better', 'ship'),
        ('b', false, 'complaints', 'guardrail', 100, 3, 0.03, 0.0, -0.05, 0.05, 0.0, -0.8, 4.0,
            1.0, 1.0, 1.0, 0.5, 'passed', 'ship')
    ) as t(variant, is_control, metric, role, n, numerator, mean, absolute_lift, absolute_ci_low,
        absolute_ci_high, lift, ci_low, ci_high, p_value, adjusted_p, always_valid_p,
        prob_to_beat_control, verdict, decision);
"""

SYNCS = """
create schema syncs;
create table syncs.sync_salesforce__accounts as
    select account_id as record_key, case when account_id = 'acc_0' then '0010' end
        as crm_record_id, account_name, case when account_id = 'acc_1' then 116.75 end as mrr,
        case when account_id = 'acc_0' then 'hot' end as pql_tier
    from core.dim_accounts;
create table syncs.sync_salesforce__contacts as
    select person_id as record_key, null::varchar as crm_record_id,
        primary_account_id as account_id, person_id || '@example.com' as email,
        'Unknown' as last_name
    from core.dim_people where primary_account_id is not null;
create table syncs.sync_salesforce__leads as
    from syncs.sync_salesforce__contacts where false;
insert into syncs.sync_salesforce__leads by name
    select 'per_lead' as record_key, account_id, email, last_name
    from syncs.sync_salesforce__contacts limit 1;
create table syncs.sync_salesforce__pqls as
    select 'rubric_150|acc_0' as record_key, 'acc_0' as account_id, 'hot' as tier;
create table syncs.sync_hubspot__companies as
    select record_key, mrr, pql_tier from syncs.sync_salesforce__accounts;
create table syncs.sync_hubspot__contacts as
    select email as record_key, account_id, email from syncs.sync_salesforce__contacts;
create table syncs.sync_hubspot__pqls as from syncs.sync_salesforce__pqls;
create table syncs.sync_salesforce__tasks as
    select 'hof_1' as record_key, 'acc_0' as account_id;
create table syncs.sync_hubspot__tasks as from syncs.sync_salesforce__tasks;
create table syncs.sync_salesforce__usage_summaries as
    select 'acc_0|2026-06' as record_key, 'acc_0' as account_id;
create table syncs.sync_hubspot__usage_summaries as from syncs.sync_salesforce__usage_summaries;
create table syncs.sync_salesforce__product_users as
    select 'per_0' as record_key, 'acc_0' as account_id;
create table syncs.sync_hubspot__product_users as from syncs.sync_salesforce__product_users;
create table syncs.sync_slack__sla_alerts as
    select 'hof_1|hot|deadline' as record_key, 'hof_1' as handoff_id, 'acc_0' as account_id;
create table syncs.sync_hubspot__audiences as
    select 'dormant|per_0' as record_key, 'given' as consent, true as has_consent;
create table syncs.sync_webhook__account_health as
    select account_id as record_key, is_at_risk from health.fct_current_health;
create table syncs.sync_csv__revenue_recognition as
    select invoice_line_id || '|' || month as record_key, month, recognised_amount
    from revenue.fct_recognition_months where month < date '2026-06-01';
create table syncs.sync_slack__hot_pqls as
    select 'rubric_150|acc_0|2026-06-29' as record_key, 'acc_0' as account_id;
"""

EMPTIED = """
select 'delete from ' || schema_name || '.' || table_name from duckdb_tables()
where schema_name not in ('seeds', 'raw') and table_name <> 'dim_as_of'
"""


def run_sql(path: Path, sql: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(home=tmp_path / "home", as_of=AS_OF, _env_file=None)


@pytest.fixture(scope="session")
def homes(tmp_path_factory):
    """Homes to copy: making one costs more than checking it."""
    made = {name: tmp_path_factory.mktemp(name) for name in ("landed", "built", "empty")}
    for name, home in made.items():
        template = Settings(home=home, _env_file=None)
        if name == "empty":
            _make_empty(template)
        else:
            _land(template)
        if name == "built":
            run_sql(template.warehouse_path, SEEDS + IDENTITY + MARTS + SYNCS)
    return made


@pytest.fixture
def landed(settings, homes) -> Settings:
    """Raw data has landed and been written down; nothing is built."""
    shutil.copytree(homes["landed"], settings.home)
    return settings


@pytest.fixture
def built(settings, homes) -> Settings:
    """Everything is built."""
    shutil.copytree(homes["built"], settings.home)
    return settings


@pytest.fixture
def empty(settings, homes) -> Settings:
    """Nothing has ever landed; every table is there and empty."""
    shutil.copytree(homes["empty"], settings.home)
    return settings


def _land(settings) -> None:
    run_sql(settings.warehouse_path, EMPTY_RAW + FILLED_RAW)
    register_file(settings, "f1", "events/segment/a.jsonl", "events", 1, read=61, accepted=61)
    register_file(settings, "f2", "stripe/events/a.jsonl", "stripe_events", 1, read=4, accepted=4)


def _make_empty(settings) -> None:
    run_sql(settings.warehouse_path, EMPTY_RAW + SEEDS + IDENTITY + MARTS + SYNCS)
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        for (delete,) in connection.execute(EMPTIED).fetchall():
            connection.execute(delete)


def register_file(
    settings, file_id, path, dataset, load_id, read, accepted, quarantined=0, duplicate=0,
    status="loaded", message=None,
) -> None:  # fmt: skip
    with OpsStore(settings.ops_path).connection() as connection:
        connection.execute(
            "insert into ingest_files (file_id, path, dataset, load_id, rows_read, rows_accepted, "
            "rows_quarantined, rows_duplicate, status, message, loaded_at) "
            "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                file_id, path, dataset, load_id, read, accepted, quarantined, duplicate, status,
                message, utc_now(),
            ],
        )  # fmt: skip
