"""The revenue models against a billing history whose revenue is computed the slow way."""

import json

import duckdb
import pytest

from ingestion.lake_schema import DATASETS
from tests.models import revenue_oracle as oracle
from tests.models import revenue_retention_checks
from warehouse.dbt import run_dbt
from warehouse.settings import Settings

KINDS = ["new", "expansion", "contraction", "churn", "reactivation", "fx"]
SEED = 7
NO_TESTS = ["resource_type:unit_test", "resource_type:test"]


def _fill_raw(path, history: oracle.History) -> None:
    """Raw tables as ingestion would leave them, without ingestion."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw")
        for dataset, columns in DATASETS.items():
            described = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            connection.execute(f"create table raw.{dataset} ({described})")

        def insert(dataset: str, rows: list[dict]) -> None:
            for line, row in enumerate(rows, start=1):
                row = {"file_id": "f", "line_number": line, "load_id": 1} | row
                names = [name for name in DATASETS[dataset] if name in row]
                connection.execute(
                    f"insert into raw.{dataset} ({', '.join(names)}) "
                    f"values ({', '.join('?' for _ in names)})",
                    [row[name] for name in names],
                )

        insert(
            "stripe_events",
            [
                event
                | {
                    "object_type": event["object"]["object"],
                    "object_id": event["object"]["id"],
                    "object": json.dumps(event["object"]),
                    "received_at": event["created_at"],
                }
                for event in history.events
            ],
        )
        insert(
            "stripe_objects",
            [
                {
                    "object_type": "subscription",
                    "object_id": pull["object"]["id"],
                    "object": json.dumps(pull["object"]),
                    "is_livemode": pull["livemode"],
                    "pulled_at": oracle.AS_OF,
                }
                for pull in history.objects
            ],
        )
        insert("contracts", history.contracts)
        insert(
            "fx_rates",
            [
                dict(zip(("month", "currency", "rate"), row, strict=True))
                for row in history.fx_rates
            ],
        )
        connection.execute(
            "insert into raw.pipeline_clock values (?, 'USD', 'UTC')", [oracle.AS_OF]
        )


@pytest.fixture(scope="module")
def history() -> oracle.History:
    return oracle.random_history(SEED, accounts=60)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory, history):
    settings = Settings(home=tmp_path_factory.mktemp("revenue"))
    _fill_raw(settings.warehouse_path, history)
    for command in [
        ["build", "--select", "+marts.revenue", "--exclude", *NO_TESTS],
        ["test", "--select", "marts.revenue,test_type:singular"],
    ]:
        result = run_dbt(settings, ["--quiet", *command])
        assert result.success, result.exception or [
            f"{row.node.name}: {row.message}"
            for row in result.result
            if row.status not in ("success", "pass", "warn")
        ]
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        yield connection


@pytest.mark.pipeline
def test_every_movement_is_the_one_counted_day_by_day(warehouse, history):
    found = {
        (account, day, kind): amount
        for account, day, kind, amount in warehouse.execute(
            "select account_id, movement_date, movement_type, sum(amount) "
            "from revenue.fct_mrr_movements group by all"
        ).fetchall()
    }
    expected = oracle.movements(history)
    assert {kind for _, _, kind in expected} == set(KINDS), "the history must show every kind"
    assert found == expected


@pytest.mark.pipeline
def test_every_month_closes_where_the_days_say(warehouse, history):
    names = ["opening", *KINDS, "closing"]
    found = {
        (row[0], row[1]): dict(zip(names, row[2:], strict=True))
        for row in warehouse.execute(
            f"select account_id, month, {', '.join(f'{name}_mrr' for name in names)} "
            "from revenue.fct_mrr_months"
        ).fetchall()
    }
    expected = {
        key: {name: row[name] for name in names} for key, row in oracle.months(history).items()
    }
    assert len(expected) > 200
    assert found == expected


@pytest.mark.pipeline
def test_retention_churn_and_cohorts_are_those_counted_from_the_movements(warehouse):
    accounts, as_of = revenue_retention_checks.accounts_of(warehouse)
    assert len(accounts) > 30
    revenue_retention_checks.check_everything(warehouse, accounts, as_of)
