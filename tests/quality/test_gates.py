"""Gates: clean data passes whatever its size, and every damage is named.

GIVEN a warehouse that is right, WHEN one thing in it is damaged, THEN exactly the
expectation written for it fails.
"""

import json
import re
from urllib.parse import unquote

import duckdb
import pytest

from quality.gates import GateNotPassed, GateNotRun, check_suite, require_gate, run_gate
from quality.suites import gate_names, load_suite
from tests.quality.conftest import EMPTY_RAW, register_file, run_sql
from warehouse.ops import OpsStore


def failed(report):
    return {result.key for result in report.results if not result.passed}


def ops_rows(settings, sql):
    with OpsStore(settings.ops_path).connection() as connection:
        return connection.execute(sql).fetchall()


# -- clean data --------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", gate_names())
def test_right_data_passes_without_a_warning(built, gate):
    report = run_gate(built, gate)
    assert failed(report) == set()
    assert report.passed
    assert [r.key for r in report.results] == [e.key for e in load_suite(gate).expectations]


@pytest.mark.parametrize("gate", gate_names())
def test_empty_tables_pass(empty, gate):
    report = run_gate(empty, gate)
    assert failed(report) == set()


def test_raw_passes_when_only_a_few_strange_but_sane_events_landed(settings):
    """Tiny folders, unregistered names, late events, a visitor, an id of blanks."""
    run_sql(
        settings.warehouse_path,
        EMPTY_RAW
        + """
        insert into raw.events by name
            select 'a' as message_id, 'track' as call_type, 'Käse gekauft!' as event_name,
                'u' as user_id, timestamp '2009-03-01' as event_at,
                timestamp '2026-06-29' as received_at, '{}' as properties, '{}' as traits,
                1 as load_id;
        insert into raw.events by name
            select 'b' as message_id, 'group' as call_type, 'g' as group_id,
                timestamp '2026-06-30 10:00' as event_at, timestamp '2026-06-29 12:00'
                as received_at, '{}' as properties, '{}' as traits, 1 as load_id;
        insert into raw.events by name
            select 'c' as message_id, 'page' as call_type, 'x' as anonymous_id,
                timestamp '2026-06-29' as event_at, timestamp '2026-06-29' as received_at,
                '{"a": {"b": []}}' as properties, '{}' as traits, 1 as load_id;
        insert into raw.events by name
            select 'd' as message_id, 'page' as call_type, ' ' as anonymous_id,
                timestamp '2026-06-29' as event_at, timestamp '2026-06-29' as received_at,
                '{}' as properties, '{}' as traits, 1 as load_id;
        """,
    )
    # nine of ten lines of a tiny file refused: the dirt of real life, no verdict possible
    register_file(
        settings, "f", "events/segment/a.jsonl", "events", 1, read=10, accepted=1, quarantined=9
    )
    report = run_gate(settings, "raw")
    assert report.passed
    assert failed(report) <= {"events_fresh"}


# -- planted damage ----------------------------------------------------------------------------

RAW_DAMAGE = {
    "events_message_id_present": "update raw.events set message_id = null where message_id = 'm3'",
    "events_message_id_unique": "insert into raw.events select * from raw.events limit 1",
    "events_call_type_known": "update raw.events set call_type = 'hello' where message_id = 'm3'",
    "events_event_at_present": "update raw.events set event_at = null where message_id = 'm3'",
    "events_received_at_present": "update raw.events set received_at = null "
    "where message_id = 'm3'",
    "events_event_at_plausible": "update raw.events set event_at = timestamp '1970-01-20' "
    "where message_id = 'm3'",
    "events_received_at_plausible": "update raw.events set received_at = timestamp '2126-06-29', "
    "event_at = timestamp '2126-06-29' where message_id = 'm3'",
    "events_have_an_id": "update raw.events set user_id = '', anonymous_id = null "
    "where message_id = 'm3'",
    "events_ids_not_blank": "update raw.events set user_id = ' ', anonymous_id = null "
    "where line_number < 5",
    "events_track_named": "update raw.events set event_name = null where message_id = 'm3'",
    "events_payloads_are_json": "update raw.events set properties = '[1]' where message_id = 'm3'",
    "stripe_event_id_present": "update raw.stripe_events set event_id = null "
    "where event_id = 'evt_1'",
    "stripe_event_id_consistent": "insert into raw.stripe_events select * replace "
    '(\'{"id": "sub_1", "status": "canceled"}\' as object) from raw.stripe_events '
    "where event_id = 'evt_1'",
    "stripe_created_at_present": "update raw.stripe_events set created_at = null "
    "where event_id = 'evt_1'",
    "stripe_created_at_plausible": "update raw.stripe_events set created_at = "
    "timestamp '2099-01-01' where event_id = 'evt_1'",
    "stripe_subscription_status_known": "update raw.stripe_events set object = "
    "replace(object, 'active', 'on_holiday') where event_id = 'evt_1'",
    "stripe_amounts_sane": "update raw.stripe_events set object = "
    "replace(object, '2900', '-2900') where event_id = 'evt_1'",
    "stripe_intervals_known": "update raw.stripe_events set object = "
    "replace(object, '\"month\"', '\"fortnight\"') where event_id = 'evt_1'",
    "stripe_discounts_sane": "update raw.stripe_events set object = "
    "replace(object, '\"percent_off\": 20', '\"percent_off\": 120') where event_id = 'evt_1'",
    "stripe_currency_is_a_code": "update raw.stripe_events set object = "
    'replace(object, \'"currency": "usd", "discounts"\', \'"currency": "$", "discounts"\') '
    "where event_id = 'evt_1'",
    "stripe_objects_are_json": "update raw.stripe_events set object = '[]' "
    "where event_id = 'evt_c'",
    "crm_record_id_present": "update raw.crm_records set record_id = null where record_id = '0011'",
    "crm_versions_unambiguous": "insert into raw.crm_records select * replace "
    "('{\"Id\": \"other\"}' as record) from raw.crm_records where record_id = '0011'",
    "crm_modified_at_plausible": "update raw.crm_records set modified_at = "
    "timestamp '2099-01-01' where record_id = '0011'",
    "crm_records_are_json": "update raw.crm_records set record = '{' where record_id = '0011'",
    "contracts_value_not_negative": "update raw.contracts set annual_value = -1",
    "contracts_end_after_start": "update raw.contracts set end_date = date '2025-01-01'",
    "contracts_account_present": "update raw.contracts set account = null",
    "contracts_currency_is_a_code": "update raw.contracts set currency = 'dollar'",
    "fx_rates_positive_and_plausible": "update raw.fx_rates set rate = 0 "
    "where month = (select min(month) from raw.fx_rates) and currency = 'EUR'",
    "fx_rates_do_not_jump": "update raw.fx_rates set rate = 108 "
    "where month = date '2026-03-01' and currency = 'EUR'",
    "fx_rates_month_and_currency_present": "update raw.fx_rates set currency = null "
    "where month = (select max(month) from raw.fx_rates) and currency = 'EUR'",
    "firmographics_employees_sane": "update raw.firmographics set employees = -5",
    "firmographics_domain_present": "update raw.firmographics set domain = null",
    "marketing_spend_not_negative": "update raw.marketing_spend set amount = -1",
    "marketing_spend_dated": "update raw.marketing_spend set spend_date = null",
    "gtm_costs_not_negative": "update raw.gtm_costs set amount = -1",
}
IDENTITY_DAMAGE = {
    "person_ids_complete": "update identity.bridge_person_ids set person_id = null "
    "where id_value = 'p1@example.com'",
    "person_ids_type_known": "insert into identity.bridge_person_ids "
    "select 'phone', '123', 'per_1'",
    "person_ids_map_to_one_person": "insert into identity.bridge_person_ids "
    "select 'email', 'p1@example.com', 'per_2'",
    "person_ids_component_size": "insert into identity.bridge_person_ids "
    "select 'anonymous_id', 'x' || i, 'per_1' from range(10001) as r(i)",
    "person_ids_not_one_giant": "insert into identity.bridge_person_ids select 'user_id', "
    "'u' || i, case when i < 60 then 'per_1' else 'per_u' || i end from range(400) as r(i)",
    "person_ids_cover_events": "delete from identity.bridge_person_ids where id_value = 'usr_3'",
    "guards_once": "insert into identity.rpt_guard_violations "
    "select * from identity.rpt_guard_violations",
    "account_people_once": "insert into identity.bridge_account_people by name "
    "select * replace (false as is_primary) from identity.bridge_account_people limit 1",
    "account_people_one_primary": "insert into identity.bridge_account_people by name "
    "select 'acc_9' as account_id, 'per_1' as person_id, true as is_primary",
    "account_people_known": "insert into identity.bridge_account_people by name "
    "select 'acc_9' as account_id, 'per_77' as person_id, true as is_primary",
    "crm_matches_once": "insert into identity.bridge_crm_records by name "
    "select * replace ('acc_1' as account_id) from identity.bridge_crm_records",
    "crm_matches_confidence": "update identity.bridge_crm_records set confidence = 90",
    "crm_matches_point_somewhere": "update identity.bridge_crm_records set account_id = null",
    "account_hierarchy_once": "insert into identity.dim_account_hierarchy "
    "select * from identity.dim_account_hierarchy where account_id = 'acc_1'",
    "account_hierarchy_ends": "update identity.dim_account_hierarchy "
    "set ultimate_parent_account_id = 'acc_1' where account_id = 'acc_0'",
}
MARTS_DAMAGE = {
    "person_days_hold_every_event": "delete from core.fct_person_days where person_id = 'per_3'",
    "person_days_known_people": "update core.fct_person_days set person_id = 'per_x' "
    "where person_id = 'per_3'",
    "person_days_known_accounts": "update core.fct_person_days set account_id = 'acc_x' "
    "where person_id = 'per_3'",
    "people_unique": "insert into core.dim_people select * from core.dim_people limit 1",
    "accounts_unique": "insert into core.dim_accounts select * from core.dim_accounts "
    "where account_id = 'acc_0'",
    "people_known_accounts": "update core.dim_people set primary_account_id = 'acc_x' "
    "where person_id = 'per_3'",
    "accounts_segment_known": "update core.dim_accounts set segment = 'huge' "
    "where account_id = 'acc_0'",
    "accounts_paying_agree_with_revenue": "update core.dim_accounts set is_paying = true "
    "where account_id = 'acc_2'",
    "mrr_bridge_closes": "update revenue.fct_mrr_months set expansion_mrr = 20.51 "
    "where month = date '2026-05-01' and account_id = 'acc_1'",
    "mrr_opening_is_previous_closing": "update revenue.fct_mrr_months set opening_mrr = 116.00, "
    "fx_mrr = 0.75 where month = date '2026-06-01' and account_id = 'acc_1'",
    "mrr_movements_sum_to_closing": "update revenue.fct_mrr_movements set amount = 100.01 "
    "where movement_type = 'new' and account_id = 'acc_1'",
    "mrr_movement_types_known": "update revenue.fct_mrr_movements set movement_type = 'upsell' "
    "where movement_type = 'expansion'",
    "deferred_roll_forward_closes": "update revenue.rpt_deferred_roll_forward "
    "set billed_amount = 12.01 where month = date '2026-05-01'",
    "deferred_closing_is_sum_of_invoices": "update revenue.fct_deferred_invoice_months "
    "set closing_balance = 4.01 where invoice_id = 'in_1'",
    "journal_entries_balance": "update revenue.fct_journal_entries set reporting_debit = 11.99 "
    "where debit > 0",
    "recognition_months_sum_to_lines": "update revenue.fct_recognition_months "
    "set recognised_cents = 401 where recognised_cents = 400",
    "nothing_restates_in_silence": "update revenue.fct_mrr_restatements set difference = 1.00",
    "tie_out_classes_add_up": "update revenue.rpt_invoice_tie_out set tax_amount = 1.00",
    "default_policy_is_the_months": "update revenue.rpt_mrr_policies "
    "set churn_mrr = -49.00, contraction_mrr = -6.00 where month = date '2026-05-01'",
    "policy_months_close": "update revenue.rpt_mrr_policies set new_mrr = 101.00 "
    "where month = date '2026-04-01'",
    "nrr_is_its_formula": "update revenue.rpt_nrr set nrr = 1.15 where starting_mrr = 100",
    "nrr_amounts_positive": "update revenue.rpt_nrr set contraction_mrr = -5.00, nrr = 1.255 "
    "where starting_mrr = 100",
    "nrr_within_bounds": "update revenue.rpt_nrr set count_accounts_start = 20 "
    "where starting_mrr = 28",
    "grr_never_above_one": "update revenue.rpt_nrr set grr = 1.1 where starting_mrr = 100",
    "grr_never_above_nrr": "update revenue.rpt_nrr set grr = 0.9 where starting_mrr = 29",
    "nrr_cuts_add_up": "delete from revenue.rpt_nrr where dimension_value = 'pro'",
    "churn_rates_are_shares": "update revenue.rpt_revenue_health set count_accounts_churned = 5 "
    "where count_accounts_churned = 1",
    "lifetimes_are_finite": "update revenue.rpt_revenue_health set ltv = 900.0 "
    "where month = date '2026-04-01'",
    "arpa_is_revenue_per_account": "update revenue.rpt_revenue_health set arpa = 9.0 "
    "where month = date '2026-04-01'",
    "scores_within_bounds": "update pql.fct_scores set score_10 = 11 where tier = 'hot'",
    "scores_tier_known": "update pql.fct_scores set tier = 'warm' where tier = 'watching'",
    "scores_explained": "delete from pql.fct_score_reasons where signal_key = 'team'",
    "health_within_bounds": "update health.fct_account_health set health_score = 0 "
    "where measured_weight_pct = 0",
    "health_is_its_components": "delete from health.fct_health_components "
    "where component = 'seats' and score is not null",
    "health_missing_is_no_zero": "update health.fct_health_components set effective_weight = 1 "
    "where account_id = 'acc_1'",
    "health_band_is_its_scores": "update health.fct_account_health set band = 'at_risk' "
    "where band = 'critical'",
    "at_risk_queue_is_everybody_at_risk": "delete from health.rpt_at_risk_queue",
    "health_overrides_do_not_overlap": "update seeds.health_overrides "
    "set valid_until = date '2026-06-01' where override_key = 'o1'",
    "transitions_follow_scores": "update pql.fct_transitions set to_tier = 'warm'",
    "qualification_rates_are_their_formula": "update pql.rpt_qualification_pipeline set rate = 0.2",
    "qualification_totals_are_mature": "update pql.rpt_qualification_pipeline "
    "set is_mature = false where cohort_grain = 'month'",
    "overlap_counts_everybody_once": "update pql.rpt_qualification_overlap set count_subjects = 3",
    "pipeline_is_attributed_once": "update pql.rpt_pipeline_reconciliation "
    "set warehouse_pipeline = 1 where kind = 'mql'",
    "expansion_items_one_at_a_time": "update pql.fct_expansion_queue set account_id = 'acc_0'",
    "expansion_items_are_held_back_with_a_reason": "update pql.fct_expansion_queue "
    "set suppression_reason = null",
    "feedback_rates_are_their_formula": "update pql.rpt_pql_feedback set rejection_rate = 0.3",
    "confusions_add_up": "update pql.rpt_backtest set false_negatives = 3 where cut = 'hot'",
    "intervals_hold_their_estimate": "update pql.rpt_backtest set recall_low = 0.7 "
    "where cut = 'hot'",
    "attribution_credits_sum_to_one": "update attribution.fct_credits set credit = 0.4 "
    "where model = 'linear' and touch_id = 'ses_1'",
    "attribution_credits_are_shares": "update attribution.fct_credits set touched_at = timestamp "
    "'2026-05-04' where model = 'first' and touch_id = 'ses_3'",
    "attribution_models_know_the_same_conversions": "delete from attribution.fct_credits "
    "where model = 'first' and account_id = 'acc_2'",
    "unit_economics_channels_add_up": "update economics.rpt_unit_economics "
    "set acquisition_cost = 51 where channel = 'email'",
    "unit_economics_know_what_they_do_not_know": "update economics.rpt_unit_economics "
    "set cac = 0 where channel = 'email'",
    "activation_rate_is_a_share": "update activation.rpt_activation_cohorts "
    "set activated_7d = 9, activation_rate = 9 / 7",
    "activation_segments_add_up": "delete from activation.rpt_activation_cohorts "
    "where segment = '1-50'",
    "milestones_after_signup": "update activation.fct_person_milestones "
    "set minutes_since_signup = -3 where milestone = 'setup'",
    "milestones_known_people": "update activation.fct_person_milestones set person_id = 'per_x'",
    "audience_members_known": "update activation.fct_audience_members "
    "set until_at = timestamp '2026-06-30'",
    "funnel_only_narrows": "update funnel.rpt_funnel set entities = 4 where stage = 'paying'",
    "funnel_conversions_are_shares": "update funnel.rpt_funnel set conversion_from_previous = 1.5 "
    "where stage = 'pql'",
    "funnel_stages_known": "update funnel.rpt_funnel set stage = 'loyal' where stage = 'pql'",
    "stages_once": "insert into funnel.fct_stages select * from funnel.fct_stages limit 1",
    "stages_known_entities": "update funnel.fct_stages set entity_id = 'acc_x' "
    "where entity_type = 'account'",
    "funnel_attempts_possible": "update funnel.fct_funnel_attempts set dropped_after_step = null",
    "funnel_rates_are_shares": "update funnel.rpt_conversions set numerator = 3, rate = 1.5",
    "retained_within_cohort": "update retention.rpt_retention set retained = 8, "
    "retention_rate = 8 / 7 where method = 'rolling' and day_number = 1",
    "rolling_not_below_bounded": "update retention.rpt_retention set retained = 2, "
    "retention_rate = 2 / 7 where method = 'rolling' and day_number = 1",
    "cohort_size_constant": "update retention.rpt_retention set cohort_size = 8, "
    "retention_rate = retained / 8 where day_number = 7",
    "active_users_nested": "update retention.rpt_active_users set wau = 8",
    "lifecycle_states_known": "update retention.fct_lifecycle_weeks set state = 'new'",
    "curves_hold_mature_cohorts_only": "update retention.rpt_retention_curves "
    "set cohort_size = 210",
    "growth_accounting_adds_up": "update retention.rpt_lifecycle set count_newly_dormant = 1 "
    "where week = '2026-06-08'",
    "adoption_is_a_share": "update retention.rpt_feature_adoption set count_users = 51, "
    "adoption_rate = 51 / 50 where feature_key = 'sso' and month = '2026-05-01'",
    "sessions_hold_every_event": "delete from core.fct_sessions where session_id = 'ses_2'",
    "sessions_do_not_overlap": "update core.fct_sessions set ended_at = timestamp "
    "'2026-06-29 09:01' where session_id = 'ses_1'",
    "invite_loop_is_a_funnel": "update loops.rpt_invite_loop set invites_converted = 5",
    "recovery_rate_is_its_formula": "update revenue.rpt_payment_recovery set recovery_rate = 0.5",
    "recovery_amounts_add_up": "update revenue.rpt_payment_recovery set open_amount = 9.99",
    "one_dunning_state_now": "update revenue.fct_dunning_states set is_current = true",
    "free_to_paid_is_its_formula": "update packaging.rpt_free_to_paid set conversion_rate = 0.3 "
    "where not is_mature",
    "free_to_paid_totals_are_mature": "update packaging.rpt_free_to_paid set accounts = 15, "
    "converted_accounts = 3 where cohort_grain = 'total'",
    "plan_spans_in_order": "update packaging.fct_plan_spans set to_date = '2026-02-02' "
    "where span_number = 1",
    "trial_outcomes_possible": "update packaging.fct_trials set converted_at = null",
    "experiment_intervals_hold_their_lift": "update experiments.rpt_results set ci_high = 1.2 "
    "where metric = 'upgrades' and variant = 'b'",
    "experiment_shares_are_shares": "update experiments.rpt_results set numerator = 26 "
    "where metric = 'upgrades' and variant = 'b'",
    "experiment_nothing_ships_past_a_guardrail": "update experiments.rpt_results "
    "set verdict = 'inconclusive' where metric = 'complaints'",
    "handoffs_one_open": "insert into pql.fct_handoffs by name "
    "select * replace ('hof_2' as handoff_id, 'engaged' as status) from pql.fct_handoffs",
    "handoffs_known_accounts": "update pql.fct_handoffs set account_id = 'acc_x'",
    "handoffs_within_capacity": "update pql.fct_handoff_events set count_open_after = 21",
    "handoffs_suppressions_have_a_reason": "update pql.fct_handoff_decisions "
    "set suppression_reasons = 'self_serve_zone' where decision = 'suppressed'",
    "handoffs_clock_makes_sense": "update pql.fct_handoffs "
    "set first_touch_at = timestamp '2026-06-30 10:01'",
}
SYNCS_DAMAGE = {
    "salesforce_accounts_key_unique": "insert into syncs.sync_salesforce__accounts by name "
    "select * from syncs.sync_salesforce__accounts where record_key = 'acc_2'",
    "salesforce_accounts_key_present": "insert into syncs.sync_salesforce__accounts by name "
    "select '' as record_key, 'x' as account_name",
    "salesforce_accounts_mrr_agrees": "update syncs.sync_salesforce__accounts set mrr = 99 "
    "where record_key = 'acc_1'",
    "salesforce_accounts_tier_known": "update syncs.sync_salesforce__accounts set pql_tier = 'on'",
    "salesforce_accounts_crm_record_once": "update syncs.sync_salesforce__accounts "
    "set crm_record_id = '0010'",
    "salesforce_contacts_email_valid": "update syncs.sync_salesforce__contacts "
    "set email = 'nobody at example' where record_key = 'per_1'",
    "salesforce_contacts_name_present": "update syncs.sync_salesforce__contacts "
    "set last_name = null",
    "salesforce_leads_no_contact": "update syncs.sync_salesforce__leads "
    "set record_key = (select min(record_key) from syncs.sync_salesforce__contacts)",
    "hubspot_contacts_known_accounts": "update syncs.sync_hubspot__contacts "
    "set account_id = 'acc_x'",
    "hubspot_pqls_tier_known": "update syncs.sync_hubspot__pqls set tier = 'on'",
    "hubspot_pqls_known_accounts": "update syncs.sync_hubspot__pqls set account_id = 'acc_x'",
    "salesforce_tasks_of_open_handoffs": "update syncs.sync_salesforce__tasks "
    "set record_key = 'hof_0'",
    "hubspot_usage_summaries_known_accounts": "update syncs.sync_hubspot__usage_summaries "
    "set account_id = 'acc_x'",
    "salesforce_product_users_key_unique": "insert into syncs.sync_salesforce__product_users "
    "from syncs.sync_salesforce__product_users",
    "slack_sla_alerts_one_a_hand_off": "insert into syncs.sync_slack__sla_alerts by name "
    "select * replace ('hof_1|hot|warning' as record_key) from syncs.sync_slack__sla_alerts",
    "slack_sla_alerts_still_untouched": "update pql.fct_handoffs set status = 'engaged'",
    "hubspot_audiences_consent_kept": "update syncs.sync_hubspot__audiences "
    "set consent = 'withdrawn'",
    "webhook_account_health_risk_agrees": "update syncs.sync_webhook__account_health "
    "set is_at_risk = false",
    "csv_revenue_recognition_agrees": "delete from syncs.sync_csv__revenue_recognition "
    "where record_key like 'il_1%'",
    "slack_hot_pqls_key_present": "update syncs.sync_slack__hot_pqls set record_key = null",
}


@pytest.mark.parametrize(
    ("gate", "key", "damage"),
    [
        pytest.param(gate, key, damage, id=key)
        for gate, damages in {
            "raw": RAW_DAMAGE,
            "identity": IDENTITY_DAMAGE,
            "marts": MARTS_DAMAGE,
            "syncs": SYNCS_DAMAGE,
        }.items()
        for key, damage in damages.items()
    ],
)
def test_damage_is_named_by_its_expectation(built, gate, key, damage):
    run_sql(built.warehouse_path, damage)
    (suite,) = (f.suite for f in load_suite(gate).files if key in {e.key for e in f.expectations})
    report = check_suite(built, gate, suite)
    assert key in failed(report)
    (result,) = (r for r in report.results if r.key == key)
    assert result.severity == "blocking"
    assert "could not be checked" not in result.observed
    assert not report.passed
    # and nothing else cries: other blocking checks may only follow from the same damage
    assert len(report.blocking_failures) <= 3


FILE_DAMAGE = {
    "files_accounted_for": {"read": 100, "accepted": 90, "quarantined": 5},
    "files_none_refused": {
        "read": 0, "accepted": 0, "status": "refused", "message": "fx.csv: column 'rat', "
        "expected month, currency, rate",
    },
    "files_quarantined_share_of_file": {"read": 20, "accepted": 9, "quarantined": 11},
    "files_quarantined_share_of_load": {"read": 600, "accepted": 530, "quarantined": 70},
}  # fmt: skip


@pytest.mark.parametrize("key", FILE_DAMAGE)
def test_damaged_files_are_named(landed, key):
    register_file(landed, "f9", "events/segment/bad.jsonl", "events", 2, **FILE_DAMAGE[key])
    report = run_gate(landed, "raw")
    assert failed(report) == {key}
    (result,) = report.blocking_failures
    assert "bad.jsonl" in result.sample


def test_a_file_that_breaks_off_is_named(landed):
    register_file(landed, "f9", "a.jsonl.gz", "events", 2, read=61, accepted=60, quarantined=1)
    with OpsStore(landed.ops_path).connection() as connection:
        connection.execute(
            "insert into quarantine (file_id, path, line_number, reason, load_id) "
            "values ('f9', 'a.jsonl.gz', 61, 'unreadable_file', 2)"
        )
    report = run_gate(landed, "raw")
    assert failed(report) == {"files_read_to_the_end"}


def test_a_tenth_refused_and_repetitions_are_borne(landed):
    register_file(
        landed, "f9", "b.jsonl", "events", 2, read=1000, accepted=860, quarantined=40, duplicate=100
    )
    report = run_gate(landed, "raw")
    assert report.passed
    assert failed(report) == {"files_duplicates_share"}
    assert [r.key for r in report.warnings] == ["files_duplicates_share"]


def test_a_superseded_or_withdrawn_file_no_longer_counts(landed):
    for status in ("superseded", "withdrawn", "removed"):
        register_file(
            landed, status, "bad.jsonl", "events", 2, read=90, accepted=0, quarantined=90,
            status=status,
        )  # fmt: skip
    assert run_gate(landed, "raw").passed


def test_warnings_tell_and_let_pass(built):
    run_sql(built.warehouse_path, "update raw.events set event_name = 'clicked_something'")
    report = run_gate(built, "raw")
    assert report.passed
    (warning,) = report.warnings
    assert warning.key == "events_registered_share"
    assert "clicked_something" in warning.sample
    require_gate(built, "raw")


IDENTITY_WARNINGS = {
    "guards_no_component_left_unmerged": "insert into identity.rpt_guard_violations by name "
    "select 'component_user_ids' as rule_key, 'user_id' as id_type, 'usr_4' as id_value, "
    "'leave_unmerged' as action",
    "guards_denied_edges_hold": "update identity.bridge_person_ids set person_id = 'per_1' "
    "where id_value = 'usr_2'",
}


@pytest.mark.parametrize("key", IDENTITY_WARNINGS)
def test_a_guard_that_needs_a_person_to_look_is_a_warning(built, key):
    run_sql(built.warehouse_path, IDENTITY_WARNINGS[key])
    report = check_suite(built, "identity", "identity.guard_violations")
    assert report.passed
    assert [result.key for result in report.warnings] == [key]


def test_invitations_taken_up_that_were_never_sent_are_a_warning(built):
    run_sql(built.warehouse_path, "delete from loops.fct_invites where invite_id >= 'inv_4'")
    report = check_suite(built, "marts", "marts.loops")
    assert report.passed
    assert [result.key for result in report.warnings] == ["invites_known_to_be_taken_up"]


PROOF_WARNINGS = {
    "live_models_still_order_their_tiers": "update pql.rpt_backtest set above_next_high = -0.1 "
    "where cut = 'hot'",
    "scores_do_not_drift": "update pql.rpt_drift set status = 'act'",
}


@pytest.mark.parametrize("key", PROOF_WARNINGS)
def test_a_live_scoring_model_that_no_longer_fits_is_a_warning(built, key):
    run_sql(built.warehouse_path, PROOF_WARNINGS[key])
    report = check_suite(built, "marts", "marts.pql_proof")
    assert report.passed
    assert [result.key for result in report.warnings] == [key]


def test_bands_of_health_in_the_wrong_order_are_a_warning(built):
    run_sql(
        built.warehouse_path,
        "update health.rpt_health_backtest set above_next_high = -0.1 where cut = 'critical'",
    )
    report = check_suite(built, "marts", "marts.health")
    assert report.passed
    assert [result.key for result in report.warnings] == ["health_still_orders_its_bands"]


def test_registered_names_are_recognised_however_they_are_spelt(built):
    run_sql(
        built.warehouse_path,
        "update raw.events set event_name = case when line_number % 3 = 0 then 'Report Created' "
        "when line_number % 3 = 1 then 'createReport' else 'create_report' end",
    )
    assert failed(run_gate(built, "raw")) == set()


@pytest.mark.parametrize(
    ("key", "damage"),
    [
        (
            "tie_out_unexplained",
            "update revenue.rpt_invoice_tie_out set proration_amount = 0, "
            "unexplained_amount = difference where month = date '2026-05-01'",
        ),
        (
            "closed_months_stay",
            "update revenue.fct_mrr_restatements set first_seen_at = timestamp '2026-06-30'",
        ),
        (
            "pipeline_differs_from_the_crm",
            "update pql.rpt_pipeline_reconciliation set is_flagged = true where kind = 'pql'",
        ),
        (
            "feedback_red_flags",
            "update pql.rpt_pql_feedback set is_rejection_red_flag = true",
        ),
    ],
)
def test_what_somebody_has_to_look_at_is_a_warning(built, key, damage):
    run_sql(built.warehouse_path, damage)
    report = run_gate(built, "marts")
    assert report.passed
    assert [result.key for result in report.warnings] == [key]


def test_a_milestone_nobody_reaches_any_more_is_a_warning(built):
    run_sql(
        built.warehouse_path,
        "update activation.rpt_activation_cohorts "
        "set signups = 60, activated_7d = 0, activation_rate = 0",
    )
    report = run_gate(built, "marts")
    assert report.passed
    assert [result.key for result in report.warnings] == ["activation_is_reached_by_somebody"]


def test_a_low_match_rate_with_the_crm_is_a_warning(built):
    run_sql(
        built.warehouse_path,
        "update identity.rpt_crm_match_rate set match_rate = 0.8, state = 'warning'",
    )
    report = check_suite(built, "identity", "identity.crm_match_rate")
    assert report.passed
    (warning,) = report.warnings
    assert warning.key == "crm_match_rate_on_target"
    assert "0.8" in warning.observed


def test_without_a_crm_nobody_is_warned_of_its_match_rate(built):
    run_sql(
        built.warehouse_path,
        "delete from identity.bridge_crm_records; "
        "update identity.rpt_crm_match_rate set match_rate = 0, state = 'red_flag'",
    )
    assert check_suite(built, "identity", "identity.crm_match_rate").warnings == ()


@pytest.mark.parametrize(
    ("key", "damage"),
    [
        (
            "definitions_find_somebody",
            "insert into retention.rpt_retention_cohorts by name select * replace "
            "('misspelt' as definition_key, 0 as retained) from retention.rpt_retention_cohorts",
        ),
        (
            "features_do_not_vanish",
            "update retention.rpt_feature_adoption set count_users = 0, count_first_users = 0, "
            "adoption_rate = 0 where feature_key = 'api' and month = '2026-05-01'",
        ),
    ],
)
def test_an_event_that_went_missing_is_a_warning(built, key, damage):
    run_sql(built.warehouse_path, damage)
    report = check_suite(built, "marts", "marts.engagement")
    assert report.passed
    assert [result.key for result in report.warnings] == [key]


def test_a_day_of_absurd_volume_is_a_warning(landed):
    run_sql(
        landed.warehouse_path,
        """
        insert into raw.events by name
            select 'w' || d || '_' || i as message_id, 'track' as call_type, 'x' as event_name,
                'u' as user_id, date '2026-06-29' - (d * 7)::integer as event_at,
                event_at as received_at, cast(event_at as date) as received_date,
                '{}' as properties, '{}' as traits, 1 as load_id
            from range(1, 7) as w(d), range(500) as r(i);
        """,
    )
    report = run_gate(landed, "raw")
    assert report.passed
    assert "events_daily_volume" in failed(report)  # 61 events on the 29th, 500 on Mondays before


# -- what is written down ----------------------------------------------------------------------


def test_results_carry_value_threshold_and_sample(built):
    run_sql(built.warehouse_path, MARTS_DAMAGE["mrr_bridge_closes"])
    report = run_gate(built, "marts")
    (result,) = (r for r in report.results if r.key == "mrr_bridge_closes")
    assert result.failing_rows == 1
    assert result.observed == "1 row"
    assert "= closing" in result.expected
    (row,) = json.loads(result.sample)
    assert row["account_id"] == "acc_1" and row["expansion_mrr"] == "20.51"
    assert result.owner == "finance@plg.example" and result.asset == "revenue/fct_mrr_months"

    written = ops_rows(
        built,
        "select gate, expectation, asset, severity, passed, observed, failing_rows "
        "from gate_results where not passed",
    )
    assert written == [
        ("marts", "mrr_bridge_closes", "revenue/fct_mrr_months", "blocking", False, "1 row", 1)
    ]
    assert ops_rows(built, "select gate, passed, count_blocking_failed from gate_verdicts") == [
        ("marts", False, 1)
    ]
    assert json.loads(json.dumps(report.as_dict()))["passed"] is False


def test_column_expectations_show_failing_values(built):
    run_sql(built.warehouse_path, RAW_DAMAGE["events_call_type_known"])
    report = run_gate(built, "raw")
    (result,) = report.blocking_failures
    assert result.observed == "1 of 61 rows" and result.failing_rows == 1
    assert json.loads(result.sample) == ["hello"]


def test_a_missing_table_fails_and_says_so(built):
    run_sql(built.warehouse_path, "drop table revenue.rpt_nrr")
    report = run_gate(built, "marts")
    assert {r.asset for r in report.blocking_failures} == {"revenue/rpt_nrr"}
    assert all("rpt_nrr" in r.observed for r in report.blocking_failures)


def test_data_docs_are_built_and_nothing_else_is_written(built, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_gate(built, "raw")
    run_gate(built, "raw")
    docs = built.docs_dir / "data_docs"
    front = (docs / "index.html").read_text()
    assert "events_message_id_unique" in front
    (link,) = re.findall(r'href="(raw/validations/raw/events/[^"]+)"', front)
    assert (docs / unquote(link)).is_file()
    pages = list((docs / "raw" / "validations").rglob("*.html"))
    assert any("message_id" in page.read_text() for page in pages)
    assert sorted(path.name for path in docs.iterdir()) == ["index.html", "raw"]
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


# -- the verdict -------------------------------------------------------------------------------


def test_without_a_verdict_nothing_passes(built):
    with pytest.raises(GateNotPassed, match=r"gate marts has never been run.*plg gate marts"):
        require_gate(built, "marts")


def test_a_pass_lets_through_and_a_failure_does_not(built):
    run_gate(built, "marts")
    require_gate(built, "marts")
    run_sql(built.warehouse_path, MARTS_DAMAGE["mrr_bridge_closes"])
    run_gate(built, "marts")
    with pytest.raises(GateNotPassed) as caught:
        require_gate(built, "marts")
    message = str(caught.value)
    assert "gate marts did not pass (20" in message
    assert "mrr_bridge_closes of revenue/fct_mrr_months: observed 1 row" in message
    assert caught.value.failing == ("mrr_bridge_closes",)


def test_a_pass_is_worth_nothing_once_the_data_changed(built):
    run_gate(built, "marts")
    run_sql(
        built.warehouse_path,
        "update revenue.fct_mrr_months set closing_mrr = closing_mrr where false",
    )
    require_gate(built, "marts")
    run_sql(built.warehouse_path, MARTS_DAMAGE["mrr_bridge_closes"])
    with pytest.raises(GateNotPassed, match="the data changed since gate marts passed"):
        require_gate(built, "marts")


def test_a_new_load_needs_a_new_verdict(landed):
    run_gate(landed, "raw")
    require_gate(landed, "raw")
    register_file(landed, "f9", "b.jsonl", "events", 2, read=1, accepted=1)
    with pytest.raises(GateNotPassed, match="the data changed since gate raw passed"):
        require_gate(landed, "raw")


def test_a_poisoned_load_fails_in_every_run_until_it_is_withdrawn(landed):
    """GIVEN a load that passed and a poisoned one after it, WHEN the gate runs again (and again
    after another good load), THEN it fails; once the poison is withdrawn it passes."""
    assert run_gate(landed, "raw").passed
    run_sql(
        landed.warehouse_path,
        "insert into raw.events by name select 'p' as message_id, 'track' as call_type, "
        "'x' as event_name, 'u' as user_id, timestamp '1970-01-01' as event_at, "
        "timestamp '2026-06-29' as received_at, '{}' as properties, '{}' as traits, 2 as load_id",
    )
    register_file(landed, "f9", "poison.jsonl", "events", 2, read=1, accepted=1)
    assert failed(run_gate(landed, "raw")) == {"events_event_at_plausible"}
    assert not run_gate(landed, "raw").passed  # no new file, the same verdict

    run_sql(
        landed.warehouse_path,
        "insert into raw.events by name select 'good' as message_id, 'track' as call_type, "
        "'x' as event_name, 'u' as user_id, timestamp '2026-06-29' as event_at, "
        "timestamp '2026-06-29' as received_at, '{}' as properties, '{}' as traits, 3 as load_id",
    )
    register_file(landed, "f10", "good.jsonl", "events", 3, read=1, accepted=1)
    assert failed(run_gate(landed, "raw")) == {"events_event_at_plausible"}

    run_sql(landed.warehouse_path, "delete from raw.events where load_id = 2")
    with OpsStore(landed.ops_path).connection() as connection:
        connection.execute(
            "update ingest_files set status = 'withdrawn', load_id = 4 where file_id = 'f9'"
        )
    assert run_gate(landed, "raw").passed
    require_gate(landed, "raw")


def test_what_passed_is_not_read_again_unless_asked(landed):
    assert run_gate(landed, "raw").passed
    run_sql(landed.warehouse_path, RAW_DAMAGE["events_call_type_known"])  # within a passed load
    assert run_gate(landed, "raw").passed
    assert failed(run_gate(landed, "raw", everything=True)) == {"events_call_type_known"}


def test_without_a_warehouse_it_says_what_to_run(settings):
    with pytest.raises(GateNotRun, match="run `plg ingest` first"):
        run_gate(settings, "raw")


def test_the_warehouse_is_only_read_and_let_go(built):
    before = built.warehouse_path.read_bytes()
    run_gate(built, "marts")
    assert built.warehouse_path.read_bytes() == before
    with duckdb.connect(str(built.warehouse_path)) as connection:
        connection.execute("create table core.later as select 1 as x")
