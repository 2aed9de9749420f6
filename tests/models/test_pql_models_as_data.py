"""A scoring model is rows: added by CSV in a copy of the project, it is scored right."""

import csv
import shutil
from decimal import Decimal

import duckdb
import pytest

from ingestion.run import ingest
from tests.models import pql_naive as naive
from warehouse import dbt
from warehouse.settings import PROJECT_ROOT, Settings

pytestmark = [pytest.mark.pipeline, pytest.mark.proof]

ADDED = {
    "pql_models": [
        {
            "model_key": "logins",
            "version": 1,
            "status": "shadow",
            "status_since": "2026-01-01",
            "shadow_since": "2026-01-01",
            "level": "account",
            "method": "sum",
            "min_points": 0,
            "max_points": 12,
            "score_1_points": 0,
            "score_10_points": 12,
            "priority": 9,
            "description": "Added by CSV",
        },
        {
            "model_key": "old",
            "version": 1,
            "status": "retired",
            "status_since": "2026-03-01",
            "level": "account",
            "method": "sum",
            "min_points": 0,
            "max_points": 10,
            "score_1_points": 0,
            "score_10_points": 10,
            "priority": 10,
            "description": "Retired",
        },
    ],
    "pql_signals": [
        {
            "model_key": "logins",
            "signal_key": "logged_in",
            "category": "usage",
            "kind": "event_count",
            "event_names": "logged_in",
            "window_days": 3,
            "min_count": 1,
            "points": 10,
            "sentence": "{count} logins.",
        },
        {
            "model_key": "logins",
            "signal_key": "pricing",
            "category": "intent",
            "kind": "event_count",
            "event_names": "pricing_page_viewed",
            "window_days": 30,
            "min_count": 1,
            "points": 10,
            "sentence": "{count} looks at prices.",
        },
        {
            "model_key": "old",
            "signal_key": "logged_in",
            "category": "usage",
            "kind": "event_count",
            "event_names": "logged_in",
            "window_days": 3,
            "min_count": 1,
            "points": 10,
            "sentence": "{count} logins.",
        },
    ],
    "pql_tiers": [
        {"model_key": "logins", "tier": "hot", "min_points": 12, "action": "Call"},
        {"model_key": "logins", "tier": "none", "min_points": 0, "action": "Nothing"},
        {"model_key": "old", "tier": "none", "min_points": 0, "action": "Nothing"},
    ],
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    """Built by a copy of the project whose seeds have more rows; its SQL is the same."""
    copy = tmp_path_factory.mktemp("project")
    for folder in ("models", "seeds", "dbt_project"):
        shutil.copytree(PROJECT_ROOT / folder, copy / folder)
    for name, rows in ADDED.items():
        path = copy / "seeds" / f"{name}.csv"
        with path.open(newline="") as lines:
            columns = next(csv.reader(lines))
        with path.open("a", newline="") as lines:
            csv.DictWriter(lines, columns, restval="", lineterminator="\n").writerows(rows)
    company = naive.make_company(seed=5)
    home = tmp_path_factory.mktemp("by_csv")
    settings = Settings(home=home, landing=home / "landing", as_of=naive.now_aware())
    naive.write_landing(company, settings.landing_dir)
    ingest(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt, "DBT_PROJECT_DIR", copy / "dbt_project")
        result = dbt.run_dbt(
            settings,
            ["--quiet", "build", "--select", "+marts.pql", "+sync_salesforce__pqls",
             "+sync_slack__hot_pqls", "--exclude-resource-type", "unit_test"],
        )  # fmt: skip
    failed = [
        f"{row.node.name}: {row.message}"
        for row in result.result
        if row.status not in ("success", "pass", "skipped", "no-op")
    ]
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        yield company, failed, lambda sql: connection.execute(sql).fetchall()


def test_rows_make_a_model_and_no_check_objects(warehouse):
    _, failed, rows = warehouse
    assert failed == []
    assert rows("select count(*) > 500 from pql.fct_scores where model_key = 'logins'") == [(True,)]


def test_the_added_model_scores_as_its_rows_say_and_is_capped_by_a_reason(warehouse):
    company, _, rows = warehouse
    found = {
        (account, day): points
        for account, day, points in rows(
            "select account_id, score_date, points from pql.fct_scores where model_key = 'logins'"
        )
    }
    for (account, day), points in found.items():
        known = [e for e in company.events if e.account == account and e.received.date() <= day]
        met = sum(
            any(e.name == name and day - days * naive.DAY < e.at.date() <= day for e in known)
            for name, days in (("logged_in", 3), ("pricing_page_viewed", 30))
        )
        assert points == min(Decimal(12), 10 * met), (account, day)
    assert {0, 10, 12} == set(found.values())
    caps = rows("select distinct points from pql.fct_score_reasons where signal_key = 'cap'")
    assert caps == [(Decimal("-8.00"),)]


def test_a_retired_model_keeps_its_history_and_scores_no_more(warehouse):
    _, _, rows = warehouse
    last = rows("select max(score_date)::varchar from pql.fct_scores where model_key = 'old'")
    assert last == [("2026-02-28",)]
    assert rows("select * from pql.fct_current_scores where model_key = 'old'") == []


def test_only_live_models_leave_the_house(warehouse):
    """Shadow models have current scores, and hot accounts; none of them is synced."""
    _, _, rows = warehouse
    hot = rows("select distinct model_key from pql.fct_transitions where to_tier = 'hot'")
    assert {key for (key,) in hot} >= {"rubric_150", "handoff_normalised", "logins"}
    for table in ("sync_salesforce__pqls", "sync_slack__hot_pqls"):
        keys = rows(f"select distinct split_part(record_key, '|', 1) from syncs.{table}")
        assert {key for (key,) in keys} <= {"rubric_150"}
    assert rows("select count(*) > 0 from syncs.sync_salesforce__pqls") == [(True,)]
